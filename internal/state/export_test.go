package state

// CloseWait is how long Close waits for a commit that does not return.
const CloseWait = closeWait
