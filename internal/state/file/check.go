package file

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	"omegastream_exporter/internal/ledger"
)

// The layout of a bbolt file, as far as it must be right before bbolt opens it: bbolt trusts
// its pages, and follows a cycle in them until the stack overflows. See
// https://github.com/etcd-io/bbolt/tree/main/internal/common.
const (
	pageHeader   = 16 // id u64, flags u16, count u16, overflow u32
	pageElement  = 16 // branch: pos, ksize u32, page u64; leaf: flags, pos, ksize, vsize u32
	bucketHeader = 16 // root page u64, sequence u64
	metaLen      = 64
	metaMagic    = 0xED0CDAED
	metaVersion  = 2

	branchPage = 1
	leafPage   = 2
	bucketFlag = 1
	maxDepth   = 40
)

// fileMeta is the content of a bbolt meta page.
type fileMeta struct {
	pageSize uint32
	root     uint64
	pages    uint64 // pages in use, by number
	tx       uint64
}

// checkFile reports content that no commit can have left behind: a broken meta page (a crash
// leaves the older of the two intact), a file shorter than its pages, and pages that do not
// form a tree. With a broken meta page, bbolt would silently go back by one commit.
func checkFile(f *os.File) error {
	c := checker{file: f}
	return c.check()
}

type checker struct {
	file *os.File
	meta fileMeta
	seen []bool
	bufs [maxDepth][]byte

	// Keys ascend over the whole tree of a bucket, because bbolt searches it that way.
	last []byte // key of the previous leaf element
	low  []byte // key in the branch that leads to the next leaf element
	some bool   // last belongs to this bucket
}

func (c *checker) check() error {
	if err := c.readMetas(); err != nil {
		return err
	}
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	if need := int64(c.meta.pages) * int64(c.meta.pageSize); info.Size() < need {
		return fmt.Errorf("%w: %d bytes where %d were written", ledger.ErrUnreadable, info.Size(), need)
	}
	c.seen = make([]bool, c.meta.pages)
	return c.tree(c.meta.root, 0, true)
}

// read fills b. If the file ends within it, the content is wrong, which is not an I/O error.
func (c *checker) read(b []byte, at int64) error {
	n, err := c.file.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if info, statErr := c.file.Stat(); statErr == nil && info.Size() < at+int64(len(b)) {
		return fmt.Errorf("%w: it ends at byte %d", ledger.ErrUnreadable, info.Size())
	}
	return err
}

// tree checks a page and everything below it. Only the root bucket's tree contains buckets.
func (c *checker) tree(id uint64, depth int, buckets bool) error {
	page, err := c.page(id, depth)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	flags, count := order.Uint16(page[8:]), int(order.Uint16(page[10:]))
	if pageHeader+count*pageElement > len(page) || flags == branchPage && count == 0 {
		return c.broken(id)
	}
	switch flags {
	case branchPage:
		for i := range count {
			at := pageHeader + i*pageElement
			el := page[at:]
			pos, ksize := order.Uint32(el), order.Uint32(el[4:])
			if !inside(page, at, pos, ksize, 0) {
				return c.broken(id)
			}
			key := page[at+int(pos):][:ksize]
			if !c.follows(key) {
				return c.broken(id)
			}
			c.low = key
			if err := c.tree(order.Uint64(el[8:]), depth+1, buckets); err != nil {
				return err
			}
		}
		return nil
	case leafPage:
		return c.leaf(page, id, depth, count, buckets)
	}
	return c.broken(id)
}

func (c *checker) leaf(page []byte, id uint64, depth, count int, buckets bool) error {
	order := binary.NativeEndian
	flag := uint32(0)
	if buckets {
		flag = bucketFlag
	}
	for i := range count {
		at := pageHeader + i*pageElement
		el := page[at:]
		pos, ksize, vsize := order.Uint32(el[4:]), order.Uint32(el[8:]), order.Uint32(el[12:])
		if !inside(page, at, pos, ksize, vsize) || order.Uint32(el) != flag {
			return c.broken(id)
		}
		key := page[at+int(pos):][:ksize]
		if !c.follows(key) {
			return c.broken(id)
		}
		c.last, c.low, c.some = append(c.last[:0], key...), nil, true
		if !buckets {
			continue
		}
		value := page[at+int(pos)+int(ksize):][:vsize]
		if len(value) < bucketHeader {
			return c.broken(id)
		}
		outer := bytes.Clone(key)
		c.last, c.low, c.some = nil, nil, false
		if err := c.bucket(value, id, depth); err != nil {
			return err
		}
		c.last, c.low, c.some = outer, nil, true
	}
	return nil
}

// bucket checks the tree of a bucket, or the inline leaf of a small one.
func (c *checker) bucket(value []byte, id uint64, depth int) error {
	order := binary.NativeEndian
	if root := order.Uint64(value); root != 0 {
		return c.tree(root, depth+1, false)
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader || order.Uint16(inline[8:]) != leafPage {
		return c.broken(id)
	}
	count := int(order.Uint16(inline[10:]))
	if pageHeader+count*pageElement > len(inline) {
		return c.broken(id)
	}
	return c.leaf(inline, id, depth, count, false)
}

// follows reports whether a key can come after the previous ones.
func (c *checker) follows(key []byte) bool {
	return bytes.Compare(key, c.low) >= 0 && (!c.some || bytes.Compare(key, c.last) > 0)
}

// page reads a page with its overflow. Each page has one place in the tree.
func (c *checker) page(id uint64, depth int) ([]byte, error) {
	if id < 2 || id >= c.meta.pages || depth >= maxDepth || c.seen[id] {
		return nil, c.broken(id)
	}
	size := int(c.meta.pageSize)
	page := c.buffer(depth, size)
	if err := c.read(page, int64(id)*int64(size)); err != nil {
		return nil, err
	}
	overflow := uint64(binary.NativeEndian.Uint32(page[12:]))
	if binary.NativeEndian.Uint64(page) != id || id+overflow >= c.meta.pages {
		return nil, c.broken(id)
	}
	for i := id; i <= id+overflow; i++ {
		if c.seen[i] {
			return nil, c.broken(i)
		}
		c.seen[i] = true
	}
	if overflow == 0 {
		return page, nil
	}
	page = c.buffer(depth, size*int(1+overflow))
	return page, c.read(page, int64(id)*int64(size))
}

// buffer returns the buffer of a depth, because a page stays in use while those below it are
// read.
func (c *checker) buffer(depth, size int) []byte {
	if cap(c.bufs[depth]) < size {
		c.bufs[depth] = make([]byte, size)
	}
	return c.bufs[depth][:size]
}

func (c *checker) broken(id uint64) error {
	return fmt.Errorf("%w: page %d is broken", ledger.ErrUnreadable, id)
}

// inside reports whether the target of the element at byte at lies within its page.
func inside(page []byte, at int, pos, ksize, vsize uint32) bool {
	return uint64(at)+uint64(pos)+uint64(ksize)+uint64(vsize) <= uint64(len(page))
}
