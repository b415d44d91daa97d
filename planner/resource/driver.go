package resource

import "context"

// Driver reads and changes the objects of one kind in one region. Both of its verbs are bulk, so that cost follows the
// number of changes and not that of calls.
type Driver interface {
	// Read observes the objects recorded, and finds objects tagged with one of uids that no record names
	// (Observation.Unrecorded). It makes as few calls as the service allows: lists by tag first, then by id only for what
	// the list did not show. An object that could not be read is a Status of Unread with an error, never Gone. Errors
	// that hit everything (no credentials, endpoint away) are returned.
	Read(ctx context.Context, rt Runtime, uids []string, recorded []*Record) ([]Observation, error)
	// Recover looks up what open intents made, by token; read-only. An empty answer within the service's consistency
	// window is Status Unread ("may still appear"), not Gone.
	Recover(ctx context.Context, rt Runtime, intents []Intent) ([]Recovery, error)
	// Apply carries out changes that became ready together. It calls rt.Intend before each call that changes something
	// and report exactly once for each index, as soon as that change is done; it returns when all are reported. Changes
	// are independent of one another: one's failure leaves the others alone. A canceled ctx means: start nothing new, let
	// running calls end, report the rest with ctx's error.
	Apply(ctx context.Context, rt Runtime, batch []Change, report func(index int, r Result))
}

// Runtime is what a driver may ask of the run it is part of.
type Runtime interface {
	// ID returns the cloud id of an object: a Ref that is no Address is returned as it is.
	ID(Ref) (string, bool)
	// Ref is the reverse: the address of the recorded object of that id, or the id itself.
	Ref(kind Kind, id string) Ref
	// Record returns what is recorded at an address now.
	Record(Address) (*Record, bool)
	// Intend returns when the intents are durable; it fails when the lock was lost. The intents are closed by the
	// outcomes that the engine writes for their addresses.
	Intend(ctx context.Context, intents ...Intent) error
	// Checkpoint records an object that exists but is not done (a launched instance).
	Checkpoint(ctx context.Context, r ...*Record) error
	// Blob returns content kept once by its SHA-256 in hex (user-data).
	Blob(digest string) ([]byte, bool)
	// Progress says what a change waits for; shown to the user.
	Progress(Address, Phase, string)
	// WaitLaunched says that a node is done once its instance runs (-wait=launched).
	WaitLaunched() bool
}

// Status is what was found of an object.
type Status string

// The statuses.
const (
	// Present: it is there, Object tells how.
	Present Status = "present"
	// Gone: the service knows for sure that it no longer is (terminated, or absent beyond the consistency window).
	Gone Status = "gone"
	// Unread: not known; Err says why.
	Unread Status = "unread"
)

// Observation is one object as it really is.
type Observation struct {
	Address Address
	ID      string
	Status  Status
	// Object has every observable field; those that cannot be read back are taken over from the record.
	Object *Object
	Phase  Phase
	// Reason says, for people, why it is gone or not well ("terminated outside clusterform: Client.UserInitiatedShutdown").
	// A node that is not well is started again in its place when its Phase is launching or booting, and replaced when it is
	// joining: it runs, and is of no use (not Ready for long, its status checks fail).
	Reason string
	// Unrecorded: tagged as ours, but no record has its id. Address is what its tags say and may be empty.
	Unrecorded bool
	// Token is the launch token it carries, where it has one.
	Token string
	// SpecDigest is that of a node's launch, from its TagSpec: where it equals SpecDigest of the node wanted, what cannot be
	// read back is as wanted, too.
	SpecDigest string
	// Warning says what could not be found out without being an error: an orchestrator's API that does not answer while its
	// cluster is being repaired. The object stands as recorded.
	Warning string
	// WarningTitle heads the Warning ("Swarm without IPVS"); "" leaves that to the plan. Equal warnings of one cluster are
	// shown once.
	WarningTitle string
	Err          error
}

// Recovery is what became of an intent.
type Recovery struct {
	Intent Intent
	// Found are the objects it made, by address. Addresses without one are those for which nothing was found.
	Found map[Address]*Object
	// Status Present: all found; Gone: nothing was made or left, for sure; Unread: may still appear.
	Status Status
	Reason string
}

// Change is one object's change, as a driver gets it. Refs in After resolve at the time of the call.
type Change struct {
	Operation Operation
	// Before is the record as it is now; nil for a create.
	Before *Record
	// After is the object wanted; nil for a delete.
	After *Object
	// Fields are the differences of an update.
	Fields []FieldChange
	// Generation of the object to be made; Token is deterministic in UID, address and generation.
	Generation int
	Token      string
	// Adopt are open intents of this address and generation, to be taken up (same token) before anything new is made.
	Adopt []Intent
	// Ending: the whole cluster goes with it. Nodes are not drained, members not removed, workloads not taken down.
	Ending bool
}

// Address is that of the object changed.
func (c Change) Address() Address {
	if c.After != nil {
		return c.After.Address
	}
	return c.Before.Address
}

// Result is the outcome of a change. Record is the object as it is now and nil when there is none (deleted, or never
// made). Err with a Record means that the object exists, but is not as wanted: it is recorded as Incomplete.
type Result struct {
	Record *Record
	Err    error
}

// Error is a failed call on an object.
type Error struct {
	// Op is the API call, "ec2:RunInstances"; Code the service's error code.
	Op, Code string
	Address  Address
	ID       string
	Message  string
	// Hint says what to do.
	Hint string
	Err  error
}

func (e *Error) Error() string {
	s := string(e.Address)
	switch {
	case s == "":
		s = e.ID
	case e.ID != "":
		s += " (" + e.ID + ")"
	}
	if s != "" {
		s += ": "
	}
	if e.Op != "" {
		s += e.Op + ": "
	}
	if e.Code != "" {
		s += e.Code + ": "
	}
	s += e.Message
	if e.Hint != "" {
		s += ". " + e.Hint
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
