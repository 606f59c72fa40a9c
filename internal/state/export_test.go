package state

// CloseWait is how long Close waits for a commit that hangs.
const CloseWait = closeWait
