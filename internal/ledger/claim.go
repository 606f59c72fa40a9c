package ledger

import (
	"context"
	"maps"
	"time"
)

// Turn asks for the right to work on endpoints, or on [Listing].
type Turn struct {
	Names []string
	Most  int       // of them
	Since time.Time // where not zero, nothing that was read since then
	Keep  bool      // until Finish, even where there is nothing to do
}

// Turns is the answer. What is in neither of its fields is being worked on by another
// process.
type Turns struct {
	Granted []string
	Read    map[string]bool // read since Turn.Since, by any process; whether with success
}

// Claim answers at once. In a state of this process's own everything is granted.
func (b *Book) Claim(ctx context.Context, t Turn) (Turns, error) {
	if b.share == nil {
		return Turns{Granted: t.Names[:min(len(t.Names), t.Most)]}, nil
	}
	turns := Turns{Read: make(map[string]bool)}
	b.mu.Lock()
	others := b.own(t, &turns)
	if len(turns.Granted) >= t.Most {
		others = nil
	}
	for _, name := range others {
		b.share.claiming[name] = struct{}{}
	}
	b.mu.Unlock()
	if len(others) == 0 {
		return turns, nil
	}
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, name := range others {
			delete(b.share.claiming, name)
		}
	}()
	ask, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	got, err := b.share.store.Claim(ask, Claim{Names: others, Most: t.Most - len(turns.Granted), Since: t.Since})
	if err != nil {
		return turns, err
	}
	maps.Copy(turns.Read, got.Done)
	if len(got.Leases) == 0 {
		return turns, nil
	}
	// What the one before has committed must be known here first.
	err = b.Refresh(ctx)
	b.enter(t, got.Leases, &turns, err)
	return turns, err
}

// enter makes leases known that the store has granted; with an error they are given
// back.
func (b *Book) enter(t Turn, leases []Lease, turns *Turns, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range leases {
		switch {
		case err != nil:
			b.share.orphans[l.Name] = l.Fence
			continue
		case l.Name == Listing:
			b.share.listing = l
		default:
			b.account.lease(l, b.Now())
			if t.Keep {
				b.account.Use(l.Name)
			}
		}
		turns.Granted = append(turns.Granted, l.Name)
	}
	b.applied++
	b.wakeUp()
}

// own answers for the names that this process has leases on, and returns the others
// as far as they are to be asked for. The caller holds b.mu.
func (b *Book) own(t Turn, turns *Turns) (others []string) {
	for _, name := range t.Names {
		var e *Endpoint
		last := b.share.listed
		if name != Listing {
			if e = b.account.endpoints[name]; e != nil {
				last = e.done
			}
		}
		switch {
		case !t.Since.IsZero() && (name == Listing || e != nil) && !last.at.Before(t.Since):
			turns.Read[name] = last.ok
		case name == Listing && b.share.listing.Fence != 0, e != nil && e.freeing:
			// It ends with a batch that is under way: soon.
		case b.claims(name):
		case e != nil && e.lease.Fence != 0:
			if len(turns.Granted) < t.Most {
				turns.Granted = append(turns.Granted, name)
				if t.Keep {
					b.account.Use(name)
				}
			}
		default:
			others = append(others, name)
		}
	}
	return others
}

// claims reports whether another goroutine is asking for a lease.
func (b *Book) claims(name string) bool {
	_, ok := b.share.claiming[name]
	return ok
}

// Finish ends what Claim began with Keep, and tells the others how it ended, once what
// was read is durable.
func (b *Book) Finish(name string, ok bool) {
	if b.share == nil {
		return
	}
	b.mu.Lock()
	now := ended{b.Now(), ok}
	if name == Listing {
		b.share.listed = now
	} else if e, known := b.account.endpoints[name]; known {
		e.done = now
		b.account.Unuse(name)
	}
	b.share.done = append(b.share.done, Done{name, ok})
	b.applied++
	b.mu.Unlock()
	b.wakeUp()
}

// Let ends what Claim began with Keep, and tells nobody.
func (b *Book) Let(names ...string) {
	if b.share == nil {
		return
	}
	b.mu.Lock()
	for _, name := range names {
		b.account.Unuse(name)
	}
	b.mu.Unlock()
	b.wakeUp()
}
