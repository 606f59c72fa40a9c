// Package storetest contains what tests of stores and states share: the suite that every
// store passes ([Test]), a double that fails and blocks on demand ([Double]), a row of every
// kind ([EveryRow]), and helpers that drive an account and a state. It is for tests only.
package storetest
