package cli

import (
	"cmp"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/apply"
)

// ConfigFlags say what the configuration is evaluated with.
type ConfigFlags struct {
	// Vars are -var and -var-file in the order they were written; a later one wins.
	Vars  []hclconfig.VarFlagValue
	State string
}

func (f *ConfigFlags) add(set *pflag.FlagSet) {
	f.addVars(set)
	f.addState(set)
}

func (f *ConfigFlags) addVars(set *pflag.FlagSet) {
	set.Var(&varFlag{list: &f.Vars}, "var", "Set a variable, as `NAME=VALUE`. May be given several times.")
	set.Var(&varFlag{list: &f.Vars, file: true}, "var-file", "Read variables from `FILE`, besides clusterform.vars.hcl and *.auto.vars.hcl. May be given several times.")
}

func (f *ConfigFlags) addState(set *pflag.FlagSet) {
	set.StringVar(&f.State, "state", DefaultState, "The state `FILE`.")
}

// sources are all places that variable values come from.
func (f *ConfigFlags) sources(a *App) ([]hclconfig.VarSource, hclconfig.Diagnostics) {
	flags := slices.Clone(f.Vars)
	for i := range flags {
		if flags[i].File {
			flags[i].Text = a.Path(flags[i].Text)
		}
	}
	return hclconfig.StandardVarSources(a.Dir, a.Environ, flags)
}

// varFlag collects -var and -var-file into one list: their order counts.
type varFlag struct {
	list *[]hclconfig.VarFlagValue
	file bool
}

func (*varFlag) String() string { return "" }

func (f *varFlag) Type() string {
	if f.file {
		return "FILE"
	}
	return "NAME=VALUE"
}

func (f *varFlag) Set(s string) error {
	*f.list = append(*f.list, hclconfig.VarFlagValue{File: f.file, Text: s})
	return nil
}

// PlanFlags say what to plan and how to show it.
type PlanFlags struct {
	ConfigFlags
	Targets, Excludes, Replace []string
	Refresh, RefreshOnly       bool
	Destroy                    bool
	Input                      bool
	OutputFlags
}

// OutputFlags say how a plan or run is shown.
type OutputFlags struct {
	JSON            bool
	Verbose         bool
	Concise         bool
	CompactWarnings bool
}

func (f *OutputFlags) add(set *pflag.FlagSet) {
	set.BoolVar(&f.JSON, "json", false, "Write JSON lines instead of text (docs/json-events.md).")
	set.BoolVar(&f.Verbose, "verbose", false, "Show every node and every field.")
	set.BoolVar(&f.Concise, "concise", false, "Show equal nodes as one and changed fields only; the default.")
	set.BoolVar(&f.CompactWarnings, "compact-warnings", false, "Show warnings by their titles alone, when there is no error.")
}

func (f *PlanFlags) add(set *pflag.FlagSet, destroy bool) {
	f.ConfigFlags.add(set)
	f.OutputFlags.add(set)
	set.StringArrayVar(&f.Targets, "target", nil, "Plan only `ADDRESS` and what it needs. May be given several times.")
	set.StringArrayVar(&f.Excludes, "exclude", nil, "Leave out `ADDRESS` and what needs it. May be given several times.")
	set.BoolVar(&f.Refresh, "refresh", true, "Read what really exists first; with -refresh=false the records are believed.")
	set.BoolVar(&f.Input, "input", true, "Ask when something is missing and a person is there; with -input=false never.")
	if destroy {
		f.Destroy = true
		return
	}
	set.StringArrayVar(&f.Replace, "replace", nil, "Replace the object at `ADDRESS` though it need not be. May be given several times.")
	set.BoolVar(&f.RefreshOnly, "refresh-only", false, "Only bring the records up to date; no object is changed.")
	set.BoolVar(&f.Destroy, "destroy", false, "Plan to destroy everything that is recorded.")
}

func (f *PlanFlags) check() error {
	switch {
	case f.Verbose && f.Concise:
		return usagef("-verbose and -concise exclude each other")
	case f.RefreshOnly && f.Destroy:
		return usagef("-refresh-only and -destroy exclude each other")
	case f.RefreshOnly && !f.Refresh:
		return usagef("-refresh-only and -refresh=false exclude each other")
	case f.RefreshOnly && len(f.Replace) > 0:
		return usagef("-refresh-only changes no object, so -replace makes no sense with it")
	default:
		return nil
	}
}

// ApplyFlags say how a plan is carried out.
type ApplyFlags struct {
	AutoApprove bool
	Parallelism int
	Wait        string
	LockTimeout time.Duration
}

// waitVariable is -wait for all runs that do not say it.
const waitVariable = "CLUSTERFORM_WAIT"

func (f *ApplyFlags) add(set *pflag.FlagSet, a *App) {
	set.BoolVar(&f.AutoApprove, "auto-approve", false, "Do not ask.")
	set.IntVar(&f.Parallelism, "parallelism", apply.DefaultParallelism, "Carry out at most `N` batches of changes at the same time.")
	set.StringVar(&f.Wait, "wait", cmp.Or(a.Env(waitVariable), "ready"), "When a node is done: `ready` in its orchestrator, or launched as soon as its instance runs. CLUSTERFORM_WAIT sets it, too.")
	set.DurationVar(&f.LockTimeout, "lock-timeout", 0, "Wait this `DURATION` for the state's lock, for example 5m.")
}

func (f *ApplyFlags) check() error {
	switch {
	case f.Wait != "ready" && f.Wait != "launched":
		return usagef("-wait=%s: want ready or launched", f.Wait)
	case f.Parallelism < 1:
		return usagef("-parallelism=%d: want at least 1", f.Parallelism)
	default:
		return nil
	}
}

// changed tells whether the user wrote one of the flags.
func changed(cmd *cobra.Command, names ...string) (string, bool) {
	for _, n := range names {
		if cmd.Flags().Changed(n) {
			return n, true
		}
	}
	return "", false
}
