package collector

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"omegastream_exporter/client"
	"omegastream_exporter/internal/ledger"
)

const (
	claimEvery = 100 * time.Millisecond // how often a sync asks for what another replica is reading
	claimNames = 100                    // in one claim: each is looked up in the database
	claimTries = 4                      // claims in a row
)

// errElsewhere is returned for what another replica tried to read a moment ago, and
// could not: its log tells why.
var errElsewhere = errors.New("another replica could not read it")

// awaitListing waits until this replica may ask for the account's endpoints. It
// reports false where another one has done so since then.
func (s *syncer) awaitListing(ctx context.Context, since time.Time) (granted bool, err error) {
	tick := time.NewTicker(claimEvery)
	defer tick.Stop()
	for {
		grant, err := s.book.Claim(ctx, ledger.Request{Names: []string{ledger.Listing}, Most: 1, Since: since})
		if err != nil {
			return false, s.stateError(err)
		}
		if len(grant.Granted) > 0 {
			return true, nil
		}
		if ok, read := grant.Read[ledger.Listing]; read {
			if !ok && !s.opts.Pinned {
				return false, errElsewhere
			}
			if err := s.book.Refresh(ctx); err != nil { // what it found is read next
				return false, s.stateError(err)
			}
			return false, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// readAll reads the lists of events and returns how many could not be read. An
// error ends all reads at once. A list that takes very long counts as one that
// could not be read, and is read on behind the sync: the others do not wait for it.
func (s *syncer) readAll(ctx context.Context, ids []string, since time.Time) (failed int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &listPass{
		syncer: s, ctx: ctx, cancel: cancel, since: since,
		ended: make(chan error, len(ids)), // one for each list: its end, or that it is slow
	}
	there := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		there[id] = struct{}{}
		if s.begin(id) {
			p.left = append(p.left, id)
		} else {
			p.failed++
		}
	}
	s.log.keep(there)
	p.run()
	s.running.Go(func() { p.reads.Wait(); cancel() })
	all := subject{operation: client.OpListEvents}
	switch {
	case p.err == nil:
		s.log.healed(all)
	case refused(p.err):
		s.log.report(all, p.err)
		s.refuse(p.err)
	}
	return p.failed, p.err
}

// listPass reads the lists of one sync: as many at a time as there are slots, and
// those that another replica does not read or has read. It keeps the context of the
// reads, which its methods have in common.
type listPass struct {
	*syncer
	ctx    context.Context
	cancel context.CancelFunc
	since  time.Time

	left    []string // not begun
	waiting int      // begun, and not known to have ended
	reads   sync.WaitGroup
	ended   chan error
	failed  int
	err     error
}

func (p *listPass) run() {
	tick := time.NewTicker(claimEvery)
	defer tick.Stop()
	patience := time.NewTimer(slowList)
	defer patience.Stop()
	stop := p.syncer.ctx.Done()
	for {
		if len(p.left) > 0 {
			p.claim()
		}
		if p.err != nil {
			p.giveUp()
		}
		if len(p.left) == 0 && p.waiting == 0 {
			return
		}
		select {
		case one := <-p.ended:
			p.waiting--
			p.note(one)
		case <-tick.C:
		case <-patience.C: // others read them, or slow lists have all the slots
			p.failed += len(p.left)
			p.giveUp()
		case <-stop:
			stop = nil
			p.fail(p.syncer.ctx.Err())
		}
	}
}

// claim begins as many reads as there are slots for. What another replica reads goes
// to the end of the line.
func (p *listPass) claim() {
	slots := p.takeSlots()
	for tries := 0; slots > 0 && len(p.left) > 0 && tries < claimTries && p.err == nil; tries++ {
		names := p.left[:min(len(p.left), claimNames)]
		p.left = p.left[len(names):]
		grant, err := p.book.Claim(p.ctx, ledger.Request{Names: names, Most: slots, Since: p.since, Keep: true})
		if err != nil {
			p.fail(p.stateError(err))
		}
		for _, id := range names {
			ok, read := grant.Read[id]
			switch {
			case slices.Contains(grant.Granted, id):
				slots--
				p.begun(id)
			case !read:
				p.left = append(p.left, id)
			default:
				p.end(id)
				if !ok {
					p.failed++
				}
			}
		}
	}
	for range slots {
		<-p.lists
	}
}

// takeSlots takes the slots that are free, as far as there is a use for them.
func (p *listPass) takeSlots() (slots int) {
	for slots < len(p.left) {
		select {
		case p.lists <- struct{}{}:
			slots++
		default:
			return slots
		}
	}
	return slots
}

// begun begins a read in a slot that was taken for it.
func (p *listPass) begun(id string) {
	p.waiting++
	p.reads.Add(1)
	p.running.Go(func() {
		defer p.reads.Done()
		defer p.end(id)
		p.readOne(p.ctx, id, p.ended)
	})
}

// note takes in how a read ended.
func (p *listPass) note(err error) {
	switch {
	case err == nil:
	case refused(err) || errors.Is(err, errState):
		p.fail(err)
	default:
		p.failed++
	}
}

// fail ends the pass for a reason that concerns all lists.
func (p *listPass) fail(err error) {
	if p.err == nil {
		p.err = err
		p.cancel()
	}
}

// giveUp begins no more reads.
func (p *listPass) giveUp() {
	for _, id := range p.left {
		p.end(id)
	}
	p.left = nil
}
