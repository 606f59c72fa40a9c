// Package storetest has what the tests of stores and of states share: the suite that every
// store passes ([Test]), a double that fails and blocks on demand ([Double]), a row of every
// kind ([EveryRow]), and what drives an account and a state. It is for tests only.
package storetest
