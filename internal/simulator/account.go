package simulator

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultKey is the API key that an account accepts by default.
const DefaultKey = "demo-key"

// DefaultCompanyID is the company id of an account by default.
const DefaultCompanyID = "omega-cop-S1mu1at0rX"

// Options configure an account. The zero value works.
type Options struct {
	// Key is the bearer key of requests; "" for DefaultKey.
	Key string
	// Now is the account's clock; nil for time.Now. It determines when events are created,
	// the Date header, and which answer of an event's schedule is visible. Delays and hangs
	// use real time.
	Now func() time.Time
	// Seed determines ids, videos and every random choice: the same seed, clock and calls
	// give the same account.
	Seed uint64
	// CompanyID is the company id in answers; "" for DefaultCompanyID.
	CompanyID string
	// Observe, if not nil, is called at the end of each request, from the goroutine that
	// served it.
	Observe func(Request)
}

// Account is a simulated OmegaStream account. Create one with New or Demo.
type Account struct {
	now       func() time.Time
	companyID string
	observe   func(Request)
	gzip      atomic.Bool
	calls     callLog
	faults    faultBox
	bucket    bucket
	traffic   *traffic // of a Demo account, otherwise nil

	mu        sync.RWMutex // guards what follows
	key       string
	ids       idSource
	kinds     kindTable
	videos    []uint32 // upload time of each video, Unix seconds, starting with video 1
	endpoints map[string]*endpoint
	listed    []string // ids of the endpoints, in order of addition
}

// New returns an account without endpoints.
func New(o Options) *Account {
	if o.Key == "" {
		o.Key = DefaultKey
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CompanyID == "" {
		o.CompanyID = DefaultCompanyID
	}
	a := &Account{
		now:       o.Now,
		companyID: o.CompanyID,
		observe:   o.Observe,
		key:       o.Key,
		ids:       newIDSource(o.Seed),
		endpoints: make(map[string]*endpoint),
	}
	a.faults.rng = rand.New(rand.NewPCG(o.Seed, 0xfa017))
	a.calls.reset()
	return a
}

// SetKey changes the key that the account accepts, like a rotation: from the next request on,
// the old key gets a 401.
func (a *Account) SetKey(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.key = key
}

// SetGzip sets whether the account compresses its answers for clients that accept gzip. A new
// account does not.
func (a *Account) SetGzip(on bool) {
	a.gzip.Store(on)
}

// idSource generates object ids like MongoDB: seconds, a machine, a counter.
type idSource struct {
	machine uint64 // 5 bytes
	counter uint32 // 3 bytes
}

// newIDSource returns the source for a seed.
func newIDSource(seed uint64) idSource {
	return idSource{machine: mix(seed + 1), counter: uint32(mix(seed + 2))}
}

// next returns a new id for something created at time t.
func (s *idSource) next(t time.Time) objectID {
	var id objectID
	binary.BigEndian.PutUint64(id[4:], s.machine<<24|uint64(s.counter&0xffffff))
	binary.BigEndian.PutUint32(id[:4], uint32(t.Unix()))
	s.counter++
	return id
}
