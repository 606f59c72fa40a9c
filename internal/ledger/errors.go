package ledger

import "errors"

// Errors of an account and its rows, for errors.Is.
var (
	// ErrUnreadable is returned when the content of a state is wrong.
	ErrUnreadable = errors.New("state is unreadable")

	// ErrOtherAccount is returned when the state belongs to another API URL.
	ErrOtherAccount = errors.New("state belongs to another --api.url")

	// ErrOvertaken is returned when another replica has changed the account first. It must
	// then be loaded again.
	ErrOvertaken = errors.New("another replica has taken over")

	// ErrWentBack is returned when a shared state has lower counters than were shown, as
	// after restoring a backup.
	ErrWentBack = errors.New("state is older than what was shown: after a restore run state reset-counters")

	// ErrOtherCompany is returned when a shared state belongs to another company.
	ErrOtherCompany = errors.New("state belongs to another account")
)
