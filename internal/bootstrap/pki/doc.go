// Package pki makes the authorities that a cluster trusts, and short-lived certificates from them, with the standard library
// alone. All keys are ECDSA on P-256.
//
// It keeps nothing and calls nobody: where the keys are kept is the business of internal/orchestrator's drivers (the
// Parameter Store), and how they get onto nodes that of internal/bootstrap/userdata. No key is ever part of an error or of
// what String returns.
package pki
