package render

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/planner/resource"
)

// aRun plays a run in virtual time: a VPC, then five nodes of which one fails and whose target is skipped, and a signal.
func aRun(emit func(event.Event)) {
	at := func(e event.Event) {
		e.At, e.Total = time.Now(), 7
		emit(e)
	}
	at(event.Event{Type: event.ApplyStart, Remaining: 40 * time.Second})
	vpc := event.Event{Type: event.StepStart, Address: "cluster.lab.vpc", Kind: resource.KindVPC, Action: "create", Operation: resource.Create}
	at(vpc)
	time.Sleep(310 * time.Millisecond) // never at the instant of a redraw, so that each picture has all of a moment or nothing
	vpc.Type, vpc.ID, vpc.Elapsed, vpc.Done = event.StepComplete, "vpc-1", 300*time.Millisecond, 1
	at(vpc)
	node := func(i int, t event.Type) event.Event {
		return event.Event{
			Type: t, Address: resource.Address("node_pool.worker").Index(i), Kind: resource.KindNode, Step: int32(i + 1),
			Action: "create", Operation: resource.Create, Done: 1,
		}
	}
	for i := range 5 {
		at(node(i, event.StepStart))
		e := node(i, event.StepProgress)
		e.Message = "waiting for the instance to run"
		at(e)
	}
	time.Sleep(12 * time.Second)
	at(event.Event{Type: event.Throttled, Message: "AWS throttles ec2:RunInstances; going slower"})
	for i := range 4 {
		e := node(i, event.StepComplete)
		e.ID, e.Elapsed, e.Done, e.Remaining = "i-"+string(rune('0'+i)), 12*time.Second, i+2, 3*time.Second
		at(e)
	}
	time.Sleep(150 * time.Millisecond)
	at(event.Event{Type: event.Draining, Message: "stopping: nothing new is started; waiting for 1 running"})
	e := node(4, event.StepErrored)
	e.Error, e.Elapsed, e.Done = "ec2:RunInstances: InsufficientInstanceCapacity: no room\x1b[2J", 12*time.Second, 5
	at(e)
	at(event.Event{Type: event.StepSkipped, Address: "cluster.lab.load_balancer_target[4]", Step: 6, Message: "not started because of node_pool.worker[4]", Done: 5})
	at(event.Event{Type: event.ApplyComplete, Message: "5 done", Done: 5})
}

func TestProgressInAPipe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := NewLines(&b, time.Now)
		aRun(p.Emit)
		p.Close()
		golden(t, "progress_lines", b.String())
	})
}

func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &screen{}
		p := NewTerminal(s, false, func() int { return 60 }, time.Now)
		during := make(chan string, 1)
		go func() {
			time.Sleep(5050 * time.Millisecond)
			synctest.Wait()
			during <- s.String()
		}()
		aRun(p.Emit)
		p.Close()
		pictures := []string{<-during, s.String()}
		golden(t, "progress_terminal", strings.Join(pictures, "\n======\n"))
		for _, line := range strings.Split(pictures[0], "\n") {
			if n := len([]rune(line)); n > 60 {
				t.Errorf("%d columns on a terminal of 60: %q", n, line)
			}
		}
	})
}

// screen is a terminal that understands what Terminal writes: cursor up, carriage return, erase below.
type screen struct {
	mu    sync.Mutex
	lines []string
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(b)
	if len(s.lines) == 0 {
		s.lines = []string{""}
	}
	for text != "" {
		switch {
		case strings.HasPrefix(text, "\x1b["):
			end := strings.IndexAny(text, "AJ")
			if text[end] == 'A' {
				up := 0
				for _, c := range text[2:end] {
					up = up*10 + int(c-'0')
				}
				s.lines = s.lines[:len(s.lines)-up]
				s.lines[len(s.lines)-1] = ""
			}
			text = text[end+1:]
		case text[0] == '\n':
			s.lines = append(s.lines, "")
			text = text[1:]
		case text[0] == '\r':
			text = text[1:]
		default:
			s.lines[len(s.lines)-1] += text[:1]
			text = text[1:]
		}
	}
	return len(b), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func TestProgressAsJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		j := NewJSONLines(&b, time.Now)
		j.Version("1.2.3")
		j.Plan(firstPlan())
		j.Plan(changesPlan())
		j.Plan(driftPlan())
		aRun(j.Emit)
		j.Applied(Applied{Elapsed: 12 * time.Second, Outputs: map[string]resource.OutputRecord{
			"host":     {Type: json.RawMessage(`"string"`), Value: json.RawMessage(`"a"`)},
			"password": {Type: json.RawMessage(`"string"`), Sensitive: true, Sealed: "age…"},
		}})
		if err := j.Err(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			var l struct {
				Level     string    `json:"@level"`
				Message   string    `json:"@message"`
				Timestamp time.Time `json:"@timestamp"`
				Type      string    `json:"type"`
			}
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			if l.Level == "" || l.Message == "" || l.Type == "" || l.Timestamp.IsZero() {
				t.Errorf("a field that every event has is missing in %s", line)
			}
		}
		golden(t, "jsonlines", b.String())
	})
}

func TestJSONCannotDriveTheTerminal(t *testing.T) {
	t.Parallel()
	hostile := "a\x1b[2J\u009b2J\u202e\x7f<&>é"
	text, err := JSONText(hostile, "")
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(string(text), "\x1b\u009b\u202e\x7f") {
		t.Errorf("got through: %q", text)
	}
	var again string
	if err := json.Unmarshal(text, &again); err != nil || again != hostile {
		t.Errorf("it reads back as %q (%v)", again, err)
	}
}

func TestCounterCountsWhatWasDone(t *testing.T) {
	t.Parallel()
	c := NewCounter(event.Discard)
	for _, e := range []event.Event{
		{Type: event.StepStart, Action: "create", Operation: resource.Create},
		{Type: event.StepComplete, Action: "create", Operation: resource.Create},
		{Type: event.StepComplete, Action: "update", Operation: resource.Update},
		{Type: event.StepComplete, Action: "roll", Operation: resource.Create},
		{Type: event.StepComplete, Action: "roll", Operation: resource.Delete},
		{Type: event.StepComplete, Action: "destroy", Operation: resource.Delete},
		{Type: event.StepErrored, Action: "destroy", Operation: resource.Delete},
		{Type: event.StepComplete, Action: "move"},
	} {
		c.Emit(e)
	}
	a := Applied{Done: c.Done(), Failed: 1, Err: true, Elapsed: time.Minute, Calls: 7}
	want := "Apply did not finish: 1 added, 1 changed, 1 replaced, 1 destroyed, 1 moved, 1 failed, in 1m with 7 API calls."
	if got := a.Line(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
