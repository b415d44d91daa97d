package cli

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/render"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// DefaultState is the state file where -state does not say otherwise.
const DefaultState = "clusterform.state.json"

// DataDir holds what belongs to a working directory and not into version control: the seal key.
const DataDir = ".clusterform"

// Cloud is what a run needs of the cloud: drivers that read and change it, and answers for the planner.
type Cloud interface {
	planner.Drivers
	planner.Lookup
	// Find reads an object by its cloud id, for imports.
	Find(ctx context.Context, rt resource.Runtime, region string, kind resource.Kind, id string) (*resource.Object, error)
	// Calls counts API calls by service:Action.
	Calls() map[string]int
}

// CloudOptions are the settings of a run that the cloud needs to know.
type CloudOptions struct {
	Parallelism int
	Events      event.Sink
	UserAgent   string
}

// App is what all commands have: the world around them and the way to the cloud.
type App struct {
	*iostreams.Streams
	// Version is that of this program, "0.1.0".
	Version string
	// NewCloud connects lazily: nothing is read or called before the first use.
	NewCloud func(CloudOptions) Cloud
	// Signals sends the signals that end a run until stop is called.
	Signals func(chan<- os.Signal) (stop func())

	noColour bool
}

// NewApp returns the App of a process.
func NewApp(s *iostreams.Streams) *App {
	return &App{
		Streams: s, Version: Version, NewCloud: func(o CloudOptions) Cloud { return newAWS(s, o) },
		Signals: func(c chan<- os.Signal) func() {
			signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			return func() { signal.Stop(c) }
		},
	}
}

// windowVariable shortens, for endpoints that show at once what was made (a lab, a test), how long an interrupted call is
// looked for before it is made again. The default is right for AWS.
const windowVariable = "CLUSTERFORM_CONSISTENCY_WINDOW"

func newAWS(s *iostreams.Streams, o CloudOptions) Cloud {
	window, err := time.ParseDuration(s.Env(windowVariable))
	if err != nil {
		window = 0 // the default, also for what is no duration: waiting longer is safe
	}
	return aws.New(aws.Options{Parallelism: o.Parallelism, Events: o.Events, UserAgent: o.UserAgent, ConsistencyWindow: window})
}

// out is a printer for results.
func (a *App) out() *render.Printer {
	return render.NewPrinter(a.Out, !a.noColour && a.Colour(a.OutTTY))
}

// errout is a printer for what accompanies them.
func (a *App) errout() *render.Printer {
	return render.NewPrinter(a.Err, !a.noColour && a.Colour(a.ErrTTY))
}

// stateFile opens the state; nothing is read or written yet. Warnings go to standard error.
func (a *App) stateFile(path string) (*state.File, error) {
	if path == "" {
		path = DefaultState
	}
	return state.Open(a.Path(path), state.Options{
		Now: a.Now, ToolVersion: a.Version,
		Warn: func(message string) {
			p := a.errout()
			render.Warning(p, "State", message)
			p.Flush()
		},
	})
}

// readState reads the state without a lock.
func (a *App) readState(ctx context.Context, path string) (*resource.Snapshot, error) {
	f, err := a.stateFile(path)
	if err != nil {
		return nil, err
	}
	return f.Read(ctx)
}

func (a *App) dataDir() string { return filepath.Join(a.Dir, DataDir) }
