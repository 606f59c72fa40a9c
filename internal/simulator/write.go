package simulator

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
)

// items are the elements of a list in order, or the one of a detail.
type items = iter.Seq[item]

// item is an element on its way into an answer.
type item struct {
	id     string // in the account, even if a fault changes view.id
	view   *view  // nil if there is only raw
	raw    []byte
	detail bool // show view with its data
	cut    bool // not an element, but the place where the list is cut
}

// append appends the element.
func (it *item) append(dst []byte) []byte {
	switch {
	case it.view == nil:
		return append(dst, it.raw...)
	case it.detail:
		return it.view.appendDetail(dst)
	}
	return it.view.appendListed(dst)
}

// flushAt is how many bytes are collected before they are written.
const flushAt = 32 << 10

// writeBody writes the body of the reply.
func (x *exchange) writeBody(w io.Writer) error {
	rep := x.reply
	if rep.body != nil && x.padding == 0 {
		_, err := w.Write(rep.body)
		return err
	}
	out := bufio.NewWriterSize(w, flushAt) // Flush returns its first error
	switch {
	case rep.items != nil && rep.array:
		_ = out.WriteByte('[')
		separator := ""
		if x.padding > 0 {
			writePadding(out, `{"padding":"`, x.padding, `"}`)
			separator = ","
		}
		if err := x.writeItems(out, separator); err != nil {
			return err
		}
		_ = out.WriteByte(']')
	case rep.items != nil && x.padding > 0:
		for it := range rep.items {
			writePadding(out, `{"padding":"`, x.padding, `",`)
			_, _ = out.Write(it.append(nil)[len("{"):])
		}
	case rep.items != nil:
		if err := x.writeItems(out, ""); err != nil {
			return err
		}
	case rep.array:
		x.writeChunks(out)
	default:
		_, _ = out.Write(rep.body)
		writePadding(out, "", x.padding, "")
	}
	return out.Flush()
}

// writeItems renders the elements one by one.
func (x *exchange) writeItems(out *bufio.Writer, separator string) error {
	var buf []byte
	for it := range x.reply.items {
		if it.cut {
			if err := errors.Join(out.Flush(), x.cutItem()); err != nil {
				return err
			}
			continue
		}
		_, _ = out.WriteString(separator)
		separator = ","
		buf = it.append(buf[:0])
		if _, err := out.Write(buf); err != nil {
			return err // the client of an endless list has disconnected
		}
	}
	return nil
}

// writeChunks writes a rendered list.
func (x *exchange) writeChunks(out *bufio.Writer) {
	_ = out.WriteByte('[')
	if x.padding > 0 {
		writePadding(out, `{"padding":"`, x.padding, `"}`)
		if len(x.reply.chunks) > 0 {
			_ = out.WriteByte(',')
		}
	}
	for _, chunk := range x.reply.chunks {
		if _, err := out.Write(chunk); err != nil {
			return
		}
	}
	_ = out.WriteByte(']')
}

// writePadding writes n bytes of text between two others.
func writePadding(out *bufio.Writer, before string, n int64, after string) {
	if n <= 0 {
		return
	}
	_, _ = out.WriteString(before)
	block := bytes.Repeat([]byte("x"), flushAt)
	for ; n > 0; n -= flushAt {
		if _, err := out.Write(block[:min(n, flushAt)]); err != nil {
			return
		}
	}
	_, _ = out.WriteString(after)
}
