package main_test

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"
)

// nameServer answers TXT questions from a table, and every other name with "there is none" (RFC 1035).
func nameServer(t *testing.T, records map[string][]string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer := answerTXT(buffer[:n], records); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

// silentServer takes questions and never answers.
func silentServer(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}

func answerTXT(query []byte, records map[string][]string) []byte {
	var labels []string
	at := 12
	for at < len(query) && query[at] != 0 {
		end := at + 1 + int(query[at])
		if end >= len(query) {
			return nil
		}
		labels = append(labels, string(query[at+1:end]))
		at = end
	}
	if at+5 > len(query) {
		return nil
	}
	question := query[12 : at+5]
	found := records[strings.ToLower(strings.Join(labels, "."))]
	answer := append([]byte{query[0], query[1], 0x85, 0x80, 0, 1, 0, byte(len(found)), 0, 0, 0, 0}, question...)
	if len(found) == 0 {
		answer[3] |= 3 // NXDOMAIN
	}
	for _, text := range found {
		var data []byte
		for len(text) > 0 {
			part := text[:min(len(text), 255)]
			data, text = append(append(data, byte(len(part))), part...), text[len(part):]
		}
		answer = append(answer, 0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60)
		answer = append(binary.BigEndian.AppendUint16(answer, uint16(len(data))), data...)
	}
	return answer
}
