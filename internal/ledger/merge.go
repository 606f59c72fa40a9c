package ledger

import (
	"fmt"
	"slices"
	"time"
)

// mergeAccount returns the account's row with what two processes made of base: ours
// goes into theirs. What only one of them changed is taken as it is, the counter of
// folded types is the sum of both, and a type that both admitted has one number. Two
// types with the same number cannot both be right: [ErrOvertaken].
func mergeAccount(base, ours, theirs AccountRow) (AccountRow, error) {
	m := theirs.clone()
	types, err := mergeTypes(base.Types, ours.Types, theirs.Types)
	if err != nil {
		return m, err
	}
	m.Types = types
	m.FoldedTypes += ours.FoldedTypes - base.FoldedTypes
	m.LastListing = later(ours.LastListing, theirs.LastListing)
	m.LastSync = later(ours.LastSync, theirs.LastSync)
	if ours.CompanyID != base.CompanyID {
		m.CompanyID = ours.CompanyID
	}
	if !ours.Created.Equal(base.Created) {
		m.Created = ours.Created
	}
	if ours.Resets != base.Resets {
		m.Resets = ours.Resets
	}
	if ours.Era != base.Era {
		m.Era, m.FoldedTypes = ours.Era, ours.FoldedTypes
	}
	return m, nil
}

// mergeTypes merges two lists that were appended to the same base.
func mergeTypes(base, ours, theirs []string) ([]string, error) {
	short, long := ours, theirs
	if len(short) > len(long) {
		short, long = long, short
	}
	if len(short) < len(base) || !slices.Equal(short, long[:len(short)]) {
		return nil, fmt.Errorf("%w: it has admitted other event types", ErrOvertaken)
	}
	return slices.Clone(long), nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
