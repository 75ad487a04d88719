package main

import "net/http"

func handler(d *desk, baseURL string) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) {})
	return m
}
