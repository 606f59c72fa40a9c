package ledger

import (
	"context"
	"maps"
	"time"
)

// Request asks for the right to work on endpoints, or on [Listing].
type Request struct {
	Names []string
	Most  int       // of them
	Since time.Time // where not zero, nothing that was read since then
	Keep  bool      // until Finish, even where there is nothing to do
}

// Grant is the answer. What is in neither of its fields is being worked on by another
// process.
type Grant struct {
	Granted []string
	Read    map[string]bool // read since Request.Since, by any process; whether with success
}

// Claim answers at once. In a state of this process's own everything is granted.
func (b *Book) Claim(ctx context.Context, r Request) (Grant, error) {
	if b.share == nil {
		return Grant{Granted: r.Names[:min(len(r.Names), r.Most)]}, nil
	}
	grant := Grant{Read: make(map[string]bool)}
	b.mu.Lock()
	others := b.own(r, &grant)
	if len(grant.Granted) >= r.Most {
		others = nil
	}
	for _, name := range others {
		b.share.claiming[name] = struct{}{}
	}
	b.mu.Unlock()
	if len(others) == 0 {
		return grant, nil
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
	got, err := b.share.store.Claim(ask, Claim{Names: others, Most: r.Most - len(grant.Granted), Since: r.Since})
	if err != nil {
		return grant, err
	}
	maps.Copy(grant.Read, got.Done)
	if len(got.Leases) == 0 {
		return grant, nil
	}
	// What the one before has committed must be known here first.
	err = b.Refresh(ctx)
	b.enter(r, got.Leases, &grant, err)
	return grant, err
}

// enter makes leases known that the store has granted; with an error they are given
// back.
func (b *Book) enter(r Request, leases []Lease, grant *Grant, err error) {
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
			if r.Keep {
				b.account.Use(l.Name)
			}
		}
		grant.Granted = append(grant.Granted, l.Name)
	}
	b.applied++
	b.wakeUp()
}

// own answers for the names that this process has leases on, and returns the others
// as far as they are to be asked for. The caller holds b.mu.
func (b *Book) own(r Request, grant *Grant) (others []string) {
	for _, name := range r.Names {
		var e *Endpoint
		last := b.share.listed
		if name != Listing {
			if e = b.account.endpoints[name]; e != nil {
				last = e.done
			}
		}
		switch {
		case !r.Since.IsZero() && (name == Listing || e != nil) && !last.at.Before(r.Since):
			grant.Read[name] = last.ok
		case name == Listing && b.share.listing.Fence != 0, e != nil && e.freeing:
			// It ends with a batch that is under way: soon.
		case b.claims(name):
		case e != nil && e.lease.Fence != 0:
			if len(grant.Granted) < r.Most {
				grant.Granted = append(grant.Granted, name)
				if r.Keep {
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
