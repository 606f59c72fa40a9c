package file

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"omegastream_exporter/internal/ledger"
	"omegastream_exporter/internal/state"
)

func (c *checker) readMetas() error {
	first, err := c.readMeta(0)
	if err != nil {
		return err
	}
	second, err := c.readMeta(int64(first.pageSize))
	if err != nil {
		return err
	}
	c.meta = first
	if second.tx > first.tx {
		c.meta = second
	}
	// Commits write the two in turn, so a copy of an older state is noticed.
	if first.pageSize != second.pageSize || c.meta.pages > 1<<40 ||
		max(first.tx, second.tx)-min(first.tx, second.tx) != 1 {
		return fmt.Errorf("%w: its meta pages do not agree", ledger.ErrUnreadable)
	}
	return nil
}

func (c *checker) readMeta(at int64) (fileMeta, error) {
	var page [pageHeader + metaLen]byte
	if err := c.read(page[:], at); err != nil {
		return fileMeta{}, err
	}
	b := page[pageHeader:]
	order := binary.NativeEndian
	m := fileMeta{pageSize: order.Uint32(b[8:]), root: order.Uint64(b[16:]), pages: order.Uint64(b[40:]), tx: order.Uint64(b[48:])}
	switch {
	case order.Uint32(b) != metaMagic || order.Uint64(b[metaLen-8:]) != c.sum(b):
		return m, fmt.Errorf("%w: the meta page at byte %d is broken", ledger.ErrUnreadable, at)
	case order.Uint32(b[4:]) != metaVersion:
		return m, fmt.Errorf("%w: file format %d", state.ErrNewer, order.Uint32(b[4:]))
	case m.pageSize < 512 || m.pageSize > 1<<20:
		return m, fmt.Errorf("%w: pages of %d bytes", ledger.ErrUnreadable, m.pageSize)
	}
	return m, nil
}

// sum is the checksum at the end of a meta page.
func (c *checker) sum(meta []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(meta[:metaLen-8])
	return h.Sum64()
}
