package client

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// crumbs returns its bytes in small pieces, as a network does.
type crumbs struct{ io.Reader }

func (c crumbs) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), 7)]) }

func FuzzListEvents(f *testing.F) {
	f.Add([]byte(testdata(f, "events_list.json")))
	for _, seed := range []string{
		``, `null`, `[`, `[]`, `[{}]`, `[{"id":"a"}]x`, `[{"id":"\u0061","created":-1.5e3,"type":null}]`,
		`[{"id":"a","id":5,"data":{"x":[[[]]]}},1]`, "[{\"id\":\"a\xff\"}]", `[{"id":"a"},{"id":`, `[{"i\u0064":"\ud800"}]`,
		`[{"id":7,"created":"1664581231"},{"id":"b","created":"1e999"},{"id":"c","created":"0x1"},null]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		read := func(in io.Reader) (ids []string, invalid int, complete bool) {
			r := &eventReader{decoder: newDecoder(in), key: NewSecret("sesame"), types: map[string]string{}}
			defer r.recycle()
			r.allow(maxElement, "one event")
			if r.open('[') != nil {
				return nil, 0, false
			}
			for r.json.PeekKind() != ']' {
				switch ok, err := r.element(); {
				case err != nil:
					return ids, invalid, false
				case !ok:
					invalid++
				default:
					e := r.event
					if !ValidEventID(string(e.ID)) || !utf8.ValidString(e.Type) || len(e.Type) > maxType || strings.Contains(e.Type, "sesame") {
						t.Fatalf("yields %q of type %q", e.ID, e.Type)
					}
					ids = append(ids, string(e.ID))
				}
			}
			_, err := r.json.ReadToken()
			return ids, invalid, err == nil
		}
		ids, invalid, complete := read(bytes.NewReader(body))
		ids2, invalid2, complete2 := read(crumbs{bytes.NewReader(body)})
		if strings.Join(ids, "\n") != strings.Join(ids2, "\n") || invalid != invalid2 || complete != complete2 {
			t.Fatalf("%d events, %d, %v; in small pieces %d, %d, %v", len(ids), invalid, complete, len(ids2), invalid2, complete2)
		}
		// A list that encoding/json can read yields as many elements here.
		var all []json.RawMessage
		if json.Unmarshal(body, &all) == nil && all != nil && (!complete || len(ids)+invalid != len(all)) {
			t.Fatalf("complete %v, %d events and %d invalid of %d elements", complete, len(ids), invalid, len(all))
		}
	})
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(testdata(f, "event_detail.json")))
	for _, seed := range []string{
		``, `null`, `{`, `{}`, `{"id":"a","response":{}}`, `{"id":"a","response":{"status_code":0}}`, `{"response":{"status_code":null,"message":"sesame"}}`,
		`{"response":{"body":{"a":1},"status":[5]}}`, "{\"type\":\"\xff\"}", `{"created":1e999}`, `{"id":"a"}{`,
		`{"id":7,"created":"soon","type":[1],"response":{"status_code":"502"}}`, `{"id":"a","response":{"status_code":"x"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		read := func(in io.Reader) (Event, error) {
			d := newDecoder(in)
			defer d.recycle()
			return readEvent(d, &redactor{key: NewSecret("sesame")})
		}
		e, err := read(bytes.NewReader(body))
		e2, err2 := read(crumbs{bytes.NewReader(body)})
		if (err == nil) != (err2 == nil) || e.ID != e2.ID || e.Created != e2.Created || (e.Response == nil) != (e2.Response == nil) {
			t.Fatalf("%+v, %v; in small pieces %+v, %v", e, err, e2, err2)
		}
		r := Response{}
		if e.Response != nil {
			r = *e.Response
		}
		for _, text := range []string{e.CompanyID, e.EndpointID, e.Type, r.Status, r.Message, r.Cause, r.Body} {
			if !utf8.ValidString(text) || len(text) > maxText || strings.Contains(text, "sesame") {
				t.Fatalf("text %q", text)
			}
		}
		if len(r.Body) > maxReply {
			t.Fatalf("body of %d bytes", len(r.Body))
		}
	})
}
