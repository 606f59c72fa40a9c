package web

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"omegastream_exporter/internal/ledger"
)

// failedJSON is a failed delivery for scripts: a line of NDJSON, an element of the
// JSON array. Its members, in this order, are the columns of the CSV.
type failedJSON struct {
	EndpointID string  `json:"endpoint_id"`
	EventID    string  `json:"event_id"`
	Type       string  `json:"event_type"`
	Code       *int    `json:"status_code"` // null without a response
	Reason     *string `json:"reason"`      // null with one
	Created    string  `json:"created"`     // times are RFC 3339, UTC
	Seen       string  `json:"seen"`
	Healed     *string `json:"healed"`
	VideoID    *string `json:"video_id"`
	VideoUUID  *string `json:"video_uuid"`
	Message    string  `json:"message"`
}

func exported(f *ledger.FailedDelivery) failedJSON {
	row := failedJSON{
		EndpointID: f.EndpointID, EventID: f.EventID, Type: f.Type, Created: stamp(f.Created), Seen: stamp(f.FirstSeen),
		VideoID: orNull(f.Video.ID), VideoUUID: orNull(f.Video.UUID), Message: f.Message,
	}
	if f.Code == ledger.CodeNone {
		row.Reason = orNull(f.Reason.String())
	} else {
		code := int(f.Code)
		row.Code = &code
	}
	if f.Healed != 0 {
		row.Healed = orNull(stamp(f.Healed))
	}
	return row
}

func stamp(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// format writes failed deliveries one after the other.
type format interface {
	write(f *ledger.FailedDelivery) error
	end() error
}

// formats are the formats of the export, by the value of ?format=.
var formats = map[string]struct {
	contentType string
	begin       func(w io.Writer) (format, error)
}{
	"json": {"application/json", func(w io.Writer) (format, error) {
		_, err := io.WriteString(w, "[")
		return &jsonFormat{w: w}, err
	}},
	"ndjson": {"application/x-ndjson", func(w io.Writer) (format, error) { return ndjsonFormat{json.NewEncoder(w)}, nil }},
	"csv": {"text/csv; charset=utf-8", func(w io.Writer) (format, error) {
		c := csv.NewWriter(w)
		return csvFormat{c}, c.Write([]string{
			"endpoint_id", "event_id", "event_type", "status_code", "reason", "created", "seen", "healed", "video_id", "video_uuid", "message",
		})
	}},
}

type jsonFormat struct {
	w    io.Writer
	some bool
}

func (j *jsonFormat) write(f *ledger.FailedDelivery) error {
	row, err := json.Marshal(exported(f))
	if err != nil {
		return err
	}
	before := "\n"
	if j.some {
		before = ",\n"
	}
	j.some = true
	if _, err := io.WriteString(j.w, before); err != nil {
		return err
	}
	_, err = j.w.Write(row)
	return err
}

func (j *jsonFormat) end() error {
	_, err := io.WriteString(j.w, "\n]\n")
	return err
}

type ndjsonFormat struct{ *json.Encoder }

func (n ndjsonFormat) write(f *ledger.FailedDelivery) error { return n.Encode(exported(f)) }
func (ndjsonFormat) end() error                             { return nil }

type csvFormat struct{ *csv.Writer }

func (c csvFormat) write(f *ledger.FailedDelivery) error {
	row := exported(f)
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	code := ""
	if row.Code != nil {
		code = strconv.Itoa(*row.Code)
	}
	return c.Write([]string{
		row.EndpointID, row.EventID, row.Type, code, text(row.Reason), row.Created, row.Seen, text(row.Healed),
		text(row.VideoID), text(row.VideoUUID), row.Message,
	})
}

func (c csvFormat) end() error {
	c.Flush()
	return c.Error()
}

// export streams all failed deliveries that match. A slow client delays only its own
// answer.
func (p *Pages) export(w http.ResponseWriter, name string, s selection, now time.Time) {
	form := formats[name]
	w.Header().Set("Content-Type", form.contentType)
	out := bufio.NewWriterSize(w, 64<<10)
	f, err := form.begin(out)
	if err == nil {
		err = p.each(s, now, f.write)
	}
	if err == nil {
		err = f.end()
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the client has left, or must see that the answer is incomplete
	}
}
