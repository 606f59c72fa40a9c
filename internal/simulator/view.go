package simulator

import (
	"strconv"
	"time"
)

// Absent instead of a raw JSON value omits its key.
const Absent = "absent"

// view is an event on its way into an answer. Faults change views, never the account.
type view struct {
	id, eventType string
	created       string // raw JSON or Absent
	endpointID    string
	companyID     string
	response      string // raw JSON or Absent
	extra         string // raw members, each with a comma before it
	at            time.Time
	video         uint32
	uploaded      time.Time // of the video
}

// view returns the n-th event as a list shows it.
func (a *Account) view(ep *endpoint, n uint32) view {
	rec := ep.at(n)
	v := view{
		id:         ep.idOf(n),
		eventType:  a.kinds.names[rec.kind],
		endpointID: ep.ID,
		companyID:  a.companyID,
		response:   "null",
		at:         time.Unix(0, rec.created).UTC(),
		video:      rec.video,
		uploaded:   time.Unix(int64(a.videos[rec.video-1]), 0).UTC(),
	}
	if x := ep.extras[n]; x != nil && x.created != "" {
		v.created = x.created
	} else {
		v.created = strconv.FormatInt(v.at.Unix(), 10)
	}
	return v
}

// appendListed appends the element of a list.
func (v *view) appendListed(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendString(dst, v.id)
	dst = append(dst, `,"created_at":"0001-01-01T00:00:00Z","ocid":`...)
	dst = appendString(dst, v.companyID)
	dst = v.appendMiddle(dst)
	return v.appendEnd(append(dst, `,"data":null`...))
}

// appendDetail appends the detail of an event.
func (v *view) appendDetail(dst []byte) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendString(dst, v.id)
	dst = append(dst, `,"created_at":`...)
	dst = appendTime(dst, v.at)
	dst = append(dst, `,"coid":`...)
	dst = appendString(dst, v.companyID)
	dst = v.appendMiddle(dst)
	dst = append(dst, `,"data":{"video":`...)
	dst = v.appendVideo(dst)
	return v.appendEnd(append(dst, '}'))
}

// appendMiddle appends the members between the company and the data.
func (v *view) appendMiddle(dst []byte) []byte {
	dst = append(dst, `,"api_version":"v1"`...)
	if v.created != Absent {
		dst = append(dst, `,"created":`...)
		dst = append(dst, v.created...)
	}
	dst = append(dst, `,"type":`...)
	return appendString(dst, v.eventType)
}

// appendEnd appends the members after the data.
func (v *view) appendEnd(dst []byte) []byte {
	dst = append(dst, `,"endpoint_id":`...)
	dst = appendString(dst, v.endpointID)
	if v.response != Absent {
		dst = append(dst, `,"response":`...)
		dst = append(dst, v.response...)
	}
	dst = append(dst, v.extra...)
	return append(dst, '}')
}

// appendString appends s as a JSON string. It passes on bytes that are not UTF-8, as an
// account can be made to send them.
func appendString(dst []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// appendTime appends a time in the API's format: UTC, with milliseconds.
func appendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.999Z07:00")
	return append(dst, '"')
}
