package hclconfig

import (
	"sync"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

// TestConcurrentEvaluation evaluates one configuration from several goroutines
// at once, as an apply does with its steps.
func TestConcurrentEvaluation(t *testing.T) {
	t.Parallel()
	c, diags := Load("../examples/language/modules", Options{})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			d, diags := c.Evaluate(func(Address) (cty.Value, bool) { return cty.NilVal, false })
			if diags.HasErrors() || len(d.NodePools) != 2 {
				t.Errorf("%d pools, %v", len(d.NodePools), diags.Err())
			}
			if _, diags := c.EvalExpression([]byte("path.cwd"), "console", nil); diags.HasErrors() {
				t.Error(diags.Err())
			}
			c.Sources()
		})
	}
	wg.Wait()
}
