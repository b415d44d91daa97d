package cli

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/seal"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// switchable is a sink whose receiver changes: drivers get it before there is anything to show.
type switchable struct{ to atomic.Pointer[event.Sink] }

func (s *switchable) set(to event.Sink) { s.to.Store(&to) }

// Emit passes an event on.
func (s *switchable) Emit(e event.Event) { (*s.to.Load()).Emit(e) }

// fail shows an error where it was not shown yet, and ends with code 1.
func (r *Run) fail(err error) error {
	if _, shown := errors.AsType[*exitError](err); !shown {
		r.show(err)
	}
	return errReported
}

func (r *Run) show(err error) {
	var sources hclconfig.Sources
	if r.cfg != nil {
		sources = r.cfg.Sources()
	}
	r.view.Diagnostics(diagnose(err), sources)
}

// sayWaiting tells who is waited for, when -lock-timeout makes us wait.
func (r *Run) sayWaiting(f *state.File) {
	if r.Apply.LockTimeout <= 0 {
		return
	}
	info, err := f.LockInfo(r.signals.plan)
	if err != nil || info == nil || info.Stale != "" {
		return // taking the lock says what is wrong, if anything is
	}
	r.view.Note(fmt.Sprintf("Waiting up to %s for the state's lock: %s@%s (process %d) holds it for %s",
		r.Apply.LockTimeout, info.User, info.Host, info.PID, info.Operation))
}

// ask waits for a person's "yes".
func (r *Run) ask() error {
	what := "clusterform will do what is listed above."
	switch r.plan.Mode {
	case planner.ModeDestroy:
		what = "clusterform will destroy everything listed above. There is no undo."
	case planner.ModeRefreshOnly:
		what = "clusterform will write what was found into the state."
	}
	p := r.out()
	p.Textf("\nDo you want this?\n  %s\n  Only \"yes\" is taken for a yes.\n\n  Answer: ", what)
	p.Flush()
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(r.In).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-r.signals.plan.Done():
		return errReported
	case a := <-answer:
		if a == "yes" {
			p.Newline()
			p.Flush()
			return nil
		}
		p.Text("\nNot applied: the answer was not \"yes\". Nothing was changed.\n")
		p.Flush()
		return errReported
	}
}

// outputs evaluates the outputs after an apply; sensitive ones are sealed before anything else sees them.
func (r *Run) outputs(snap *resource.Snapshot) (map[string]resource.OutputRecord, error) {
	if r.cfg == nil || r.plan.Mode == planner.ModeDestroy && !r.plan.Partial {
		return nil, nil // with everything gone, nothing is left to say
	}
	list, diags := planner.Outputs(r.cfg, snap)
	if err := diags.Err(); err != nil {
		return nil, err
	}
	out := make(map[string]resource.OutputRecord, len(list))
	for _, o := range list {
		if !o.Value.IsWhollyKnown() && (r.plan.Partial || r.plan.Mode == planner.ModeDestroy) {
			continue // what it comes from is gone, or was left out
		}
		record, err := r.outputRecord(o)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", o.Name, err)
		}
		out[o.Name] = record
	}
	return out, nil
}

func (r *Run) outputRecord(o *hclconfig.Output) (resource.OutputRecord, error) {
	if !o.Value.IsWhollyKnown() {
		return resource.OutputRecord{}, errors.New("its value is not known even after the apply")
	}
	value, typ, err := planner.EncodeOutput(o.Value)
	if err != nil {
		return resource.OutputRecord{}, err
	}
	record := resource.OutputRecord{Type: typ, Sensitive: o.Sensitive}
	if !o.Sensitive {
		record.Value = value
		return record, nil
	}
	key, err := seal.Ensure(r.dataDir(), r.Environ)
	if err != nil {
		return resource.OutputRecord{}, err
	}
	record.Sealed, err = key.Seal(value)
	return record, err
}

// unseal opens a sensitive output's value, for comparing it.
func (a *App) unseal(sealed string) ([]byte, error) {
	key, err := seal.Load(a.dataDir(), a.Environ)
	if err != nil {
		return nil, err
	}
	return key.Open(sealed)
}
