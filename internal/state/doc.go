// Package state keeps what clusterform knows of the objects it made: a snapshot and a journal in the working directory,
// and the lock that lets one process at a time write them.
//
// Three files stand beside each other, all readable by their owner only:
//
//	clusterform.state.json          the snapshot: canonical JSON, one object per line, with a digest
//	clusterform.state.json.journal  what happened since: append-only, each record with length and checksum
//	clusterform.state.json.lock     who writes, with a lease and a fencing number
//
// and clusterform.state.json.backup is the snapshot that the last run found. An intent is durable in the journal before
// the call that it announces, its outcome after it; so a process that is killed loses nothing, and the next one finds by
// the intent's token what the call made. A change costs as many bytes as it has, however large the state is.
//
// Read needs no lock and never waits for a writer. A Session, from Lock, is the one writer; its lease is renewed in the
// background and checked at every write, so a process that lost the lock cannot write any more.
//
// The data itself (Record, Intent, Snapshot) is in planner/resource; what to do about it is decided in planner and done in
// internal/apply. Sealing of sensitive values is in internal/seal. The format is described in docs/state-format.md.
package state
