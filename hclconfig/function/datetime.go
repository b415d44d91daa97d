package function

import (
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

func dateTime() []Entry {
	return []Entry{
		{"formatdate", DateTime, "formatdate(spec, timestamp)", "The time written as the spec says: YYYY, MM, DD, hh, mm, ss, ZZZ…", "formatdate(\"YYYY-MM-DD\", \"2026-01-02T03:04:05Z\") → \"2026-01-02\"", is(stdlib.FormatDateFunc)},
		{"plantimestamp", DateTime, "plantimestamp()", "When the plan was made; the same in every place of it.", "plantimestamp()", now},
		{"timeadd", DateTime, "timeadd(timestamp, duration)", "The time after a duration such as \"1h30m\"; before it, for a negative one.", "timeadd(\"2026-01-02T00:00:00Z\", \"90m\") → \"2026-01-02T01:30:00Z\"", is(stdlib.TimeAddFunc)},
		{"timecmp", DateTime, "timecmp(a, b)", "-1 if a is before b, 0 if they are the same moment, 1 if it is after.", "timecmp(\"2026-01-02T00:00:00Z\", \"2026-01-03T00:00:00Z\") → -1", is(timeCompare)},
		{"timestamp", DateTime, "timestamp()", "The time of the run in UTC. It differs each time: what uses it is planned to change each time.", "timestamp()", now},
	}
}

func now(e Env) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{},
		Type:   function.StaticReturnType(cty.String),
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
			return cty.StringVal(e.Now.UTC().Format(time.RFC3339)), nil
		},
	})
}

var timeCompare = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "timestamp_a", Type: cty.String}, {Name: "timestamp_b", Type: cty.String}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var at [2]time.Time
		for i := range at {
			t, err := time.Parse(time.RFC3339, args[i].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(i, fmt.Errorf("%q is not a time; write it as \"2026-01-02T15:04:05Z\"", args[i].AsString()))
			}
			at[i] = t
		}
		return cty.NumberIntVal(int64(at[0].Compare(at[1]))), nil
	},
})
