package client

import "sync"

// knownURLs are the URLs of the account's endpoints, as the API sent them: what is
// secret in them is looked for in all texts about the endpoint. It is safe for
// concurrent use.
type knownURLs struct {
	mu   sync.RWMutex
	byID map[string][2]string // the newest, and the one before
}

// learn takes in a list of the account's endpoints, whole.
func (k *knownURLs) learn(urls map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := make(map[string][2]string, len(urls))
	for id, url := range urls {
		known := k.byID[id]
		if url != known[0] {
			known = [2]string{url, known[0]}
		}
		next[id] = known
	}
	k.byID = next
}

// of returns the URLs of an endpoint, none if it is not known.
func (k *knownURLs) of(endpointID string) []string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	known, ok := k.byID[endpointID]
	if !ok {
		return nil
	}
	return known[:]
}
