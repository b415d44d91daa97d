package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/clusterform/clusterform/planner/resource"
)

// Entry is one change of the state. The entries of one Commit are one record of the journal: all of them or none.
type Entry struct{ w wireEntry }

// wireEntry is an entry as it stands in the journal.
type wireEntry struct {
	Op        operation                         `json:"op"`
	Address   resource.Address                  `json:"address,omitempty"`
	To        resource.Address                  `json:"to,omitempty"`
	Addresses []resource.Address                `json:"addresses,omitempty"`
	ID        string                            `json:"id,omitempty"`
	Seq       uint64                            `json:"seq,omitempty"`
	Intent    *resource.Intent                  `json:"intent,omitempty"`
	Record    *resource.Record                  `json:"record,omitempty"`
	Cluster   *resource.ClusterRecord           `json:"cluster,omitempty"`
	Outputs   *map[string]resource.OutputRecord `json:"outputs,omitempty"`
}

type operation string

const (
	opBeginRun      operation = "begin_run"
	opIntent        operation = "intent"
	opPut           operation = "put"
	opDepose        operation = "depose"
	opRemove        operation = "remove"
	opClose         operation = "close"
	opCloseIntent   operation = "close_intent"
	opMove          operation = "move"
	opRename        operation = "rename"
	opCluster       operation = "cluster"
	opRemoveCluster operation = "remove_cluster"
	opOutputs       operation = "outputs"
)

// BeginRun raises the serial. The first commit of a session that changes anything does so by itself; another is ignored.
func BeginRun() Entry { return Entry{wireEntry{Op: opBeginRun}} }

// Intent announces a call. The journal gives it the next Seq; it stays open until all its addresses are closed.
func Intent(i resource.Intent) Entry {
	return Entry{wireEntry{Op: opIntent, Intent: &i}}
}

// Put records an object at its address. A Deposed one replaces the deposed record of the same ID, or is added to the
// deposed. The record must not be changed afterwards.
func Put(r *resource.Record) Entry { return Entry{wireEntry{Op: opPut, Record: r}} }

// Depose moves the record at an address to the deposed, to make room for its replacement. It fails where there is none.
func Depose(a resource.Address) Entry { return Entry{wireEntry{Op: opDepose, Address: a}} }

// Remove drops the record of that ID at an address: the current one, or else a deposed one. An empty id means the current
// one whatever its ID. Nothing there is no error.
func Remove(a resource.Address, id string) Entry {
	return Entry{wireEntry{Op: opRemove, Address: a, ID: id}}
}

// CloseIntents closes what open intents say of these addresses: their outcome is known.
func CloseIntents(addresses ...resource.Address) Entry {
	return Entry{wireEntry{Op: opClose, Addresses: addresses}}
}

// CloseIntent closes one intent as a whole, by the Seq in Snapshot.Intents. One closed already is no error.
func CloseIntent(seq uint64) Entry { return Entry{wireEntry{Op: opCloseIntent, Seq: seq}} }

// Move gives the record at an address, its deposed ones and its open intents another address. What other records say
// of it stays as it is; see Rename. It fails where there is no record, or where the new address is taken.
func Move(from, to resource.Address) Entry {
	return Entry{wireEntry{Op: opMove, Address: from, To: to}}
}

// Rename gives another name to an address and to all that stands below it (resource.Address.Contains), clusters included,
// and to all references to it in other records. It fails where there is nothing, or where a new address is taken.
func Rename(from, to resource.Address) Entry {
	return Entry{wireEntry{Op: opRename, Address: from, To: to}}
}

// SetCluster records a cluster's identity.
func SetCluster(a resource.Address, c resource.ClusterRecord) Entry {
	c.Images, c.Software = maps.Clone(c.Images), maps.Clone(c.Software)
	return Entry{wireEntry{Op: opCluster, Address: a, Cluster: &c}}
}

// RemoveCluster forgets a cluster's identity.
func RemoveCluster(a resource.Address) Entry {
	return Entry{wireEntry{Op: opRemoveCluster, Address: a}}
}

// SetOutputs replaces all outputs.
func SetOutputs(outputs map[string]resource.OutputRecord) Entry {
	if outputs = maps.Clone(outputs); outputs == nil {
		outputs = map[string]resource.OutputRecord{}
	}
	return Entry{wireEntry{Op: opOutputs, Outputs: &outputs}}
}

// check finds what is wrong with an entry by itself, whether it comes from a caller or from a file.
func (w *wireEntry) check() error {
	switch w.Op {
	case opBeginRun, opCloseIntent, opClose:
	case opIntent:
		if w.Intent == nil || len(w.Intent.Addresses) == 0 {
			return fmt.Errorf("an intent without an address")
		}
	case opPut:
		return checkRecord(w.Record)
	case opMove, opRename:
		if w.Address == "" || w.To == "" {
			return fmt.Errorf("a %s without an address", w.Op)
		}
	case opDepose, opRemove, opRemoveCluster:
		if w.Address == "" {
			return fmt.Errorf("a %s without an address", w.Op)
		}
	case opCluster:
		if w.Cluster == nil || w.Address == "" {
			return fmt.Errorf("a cluster without its identity")
		}
	case opOutputs:
		if w.Outputs == nil {
			return fmt.Errorf("outputs without a value")
		}
	default:
		return fmt.Errorf("the entry %q is not known to this version", w.Op)
	}
	return nil
}

func checkRecord(r *resource.Record) error {
	switch {
	case r == nil || r.Address == "":
		return fmt.Errorf("a record without an address")
	case r.Spec == nil:
		return fmt.Errorf("%s: a record without a spec", r.Address)
	case r.Spec.Kind() != r.Kind:
		return fmt.Errorf("%s: a record of kind %q with a spec of kind %q", r.Address, r.Kind, r.Spec.Kind())
	}
	return nil
}

// marshal writes compact JSON with <, > and & as they are, for people reading it.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
