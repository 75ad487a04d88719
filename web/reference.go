package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// referencePage is the API as people read it, made from the same description that programs get.
type referencePage struct {
	frame
	Base    string
	Groups  []referenceGroup
	Objects []referenceObject
	Codes   []code
}

type referenceGroup struct {
	Name       string
	Operations []referenceOperation
}

type referenceOperation struct {
	ID, Method, Path, Summary, Permission string
	Status                                int
	Answer, Body                          *referenceType
	Parameters                            []referenceField
}

type referenceObject struct {
	Name   string
	Fields []referenceField
}

type referenceField struct {
	Name, Notes string
	Type        referenceType
	Required    bool
}

// referenceType is a type in words, with the object that it speaks of.
type referenceType struct{ Text, Object string }

func (d Deps) reference(spec *huma.OpenAPI) http.HandlerFunc {
	page := referencePage{frame: d.house().english("API reference"), Base: d.PublicURL, Codes: codes}
	page.Wide = true
	if page.Base == "" {
		page.Base = "http://127.0.0.1:8080"
	}
	for _, r := range d.routes() {
		name := strings.Split(r.path, "/")[2]
		if n := len(page.Groups); n == 0 || page.Groups[n-1].Name != name {
			page.Groups = append(page.Groups, referenceGroup{Name: name})
		}
		group := &page.Groups[len(page.Groups)-1]
		group.Operations = append(group.Operations, describe(r, operationOf(spec, r)))
	}
	schemas := spec.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		page.Objects = append(page.Objects, referenceObject{Name: name, Fields: fieldsOf(schemas[name])})
	}
	return func(w http.ResponseWriter, r *http.Request) {
		writePage(w, r, http.StatusOK, "docs.html", page)
	}
}

func operationOf(spec *huma.OpenAPI, r route) *huma.Operation {
	path := spec.Paths[r.path]
	return map[string]*huma.Operation{http.MethodGet: path.Get, http.MethodPost: path.Post, http.MethodPut: path.Put, http.MethodPatch: path.Patch,
		http.MethodDelete: path.Delete}[r.method]
}

func describe(r route, op *huma.Operation) referenceOperation {
	out := referenceOperation{ID: op.OperationID, Method: r.method, Path: r.path, Summary: r.summary, Permission: string(r.needs), Status: r.status}
	for _, p := range op.Parameters {
		notes := p.Description
		if notes == "" && p.Schema != nil {
			notes = p.Schema.Description
		}
		out.Parameters = append(out.Parameters, referenceField{Name: p.Name, Type: typeOf(p.Schema), Required: p.Required,
			Notes: strings.TrimSpace(notes + " (" + p.In + ")")})
	}
	if op.RequestBody != nil {
		if media := op.RequestBody.Content["application/json"]; media != nil {
			t := typeOf(media.Schema)
			out.Body = &t
		}
	}
	if answer := op.Responses[fmt.Sprint(r.status)]; answer != nil {
		for _, media := range answer.Content {
			t := typeOf(media.Schema)
			out.Answer = &t
		}
	}
	return out
}

func fieldsOf(s *huma.Schema) []referenceField {
	var out []referenceField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		out = append(out, referenceField{Name: name, Type: typeOf(p), Notes: p.Description, Required: slices.Contains(s.Required, name)})
	}
	return out
}

// typeOf puts a schema into words.
func typeOf(s *huma.Schema) referenceType {
	if s == nil {
		return referenceType{Text: "anything"}
	}
	if s.Ref != "" {
		return referenceType{Object: s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]}
	}
	if len(s.AnyOf) > 0 {
		t := typeOf(s.AnyOf[0])
		t.Text = strings.TrimSpace("null or " + t.Text)
		return t
	}
	t := plainType(s)
	if s.Nullable {
		t.Text += " or null"
	}
	return t
}

func plainType(s *huma.Schema) referenceType {
	switch {
	case s.Type == huma.TypeArray:
		t := typeOf(s.Items)
		t.Text = strings.TrimSpace("list of " + t.Text)
		return t
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			words[i] = fmt.Sprint(v)
		}
		return referenceType{Text: strings.Join(words, " | ")}
	case s.Format == "uuid":
		return referenceType{Text: "id"}
	case s.Format == "date-time":
		return referenceType{Text: "time"}
	case s.Format == "binary":
		return referenceType{Text: "bytes"}
	case s.Type == "":
		return referenceType{Text: "anything"}
	}
	return referenceType{Text: s.Type}
}
