package aws

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/planner/resource"
)

// TestParameters is the life of a cluster's values in the Parameter Store, under faults.
func TestParameters(t *testing.T) {
	t.Parallel()
	for seed := range 5 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, c := lab(t, int64(seed), api.Faults{Throttle: 1, LoseResponse: api.Chance{Probability: 0.1}, ServerError: api.Chance{Probability: 0.1}}, Options{})
				p, other := c.Parameters(labRegion, "0123456789abcdef"), c.Parameters(labRegion, "fedcba9876543210")
				ctx := t.Context()
				if err := other.Put(ctx, "worker/join", "theirs"); err != nil {
					t.Fatal(err)
				}
				want := map[string]string{}
				for i := range 23 {
					name := fmt.Sprintf("worker/p%02d", i)
					want[name] = fmt.Sprint("value ", i)
					if err := p.Put(ctx, name, want[name]); err != nil {
						t.Fatal(err)
					}
				}
				if made, err := p.Create(ctx, "worker/p00", "another"); made || err != nil {
					t.Errorf("an existing parameter was made again: %v %v", made, err)
				}
				want["worker/p01"] = "changed"
				if err := p.Put(ctx, "worker/p01", "changed"); err != nil {
					t.Fatal(err)
				}
				if err := p.Put(ctx, "worker/p02", ""); err != nil {
					t.Fatal(err)
				}
				delete(want, "worker/p02")
				fresh := c.Parameters(labRegion, "0123456789abcdef") // another run, which knows nothing yet
				if err := fresh.Put(ctx, "worker/p03", "by another"); err != nil {
					t.Fatal(err)
				}
				want["worker/p03"] = "by another"
				names := slices.Sorted(maps.Keys(want))
				got, err := fresh.Get(ctx, append(names, "worker/p02", "control-plane/none")...)
				if err != nil || !maps.Equal(got, want) {
					t.Errorf("got %v %v, want %v", got, err, want)
				}
				if list, err := p.List(ctx); err != nil || !slices.Equal(list, names) {
					t.Errorf("listed %v %v, want %v", list, err, names)
				}
				if err := p.Delete(ctx, append(names, "control-plane/none")...); err != nil {
					t.Fatal(err)
				}
				if list, err := p.List(ctx); err != nil || len(list) > 0 {
					t.Errorf("left: %v %v", list, err)
				}
				if list, err := other.List(ctx); err != nil || len(list) != 1 {
					t.Errorf("another cluster has %v %v", list, err)
				}
			})
		})
	}
}

// TestAParameterIsTaggedAsTheClustersAndSecure looks at the call that makes one.
func TestAParameterIsTaggedAsTheClustersAndSecure(t *testing.T) {
	t.Parallel()
	var sent []string
	s := &script{}
	record := roundTrip(func(r *http.Request) (*http.Response, error) {
		body := new(strings.Builder)
		if r.Body != nil {
			buf := make([]byte, 4096)
			n, _ := r.Body.Read(buf)
			body.Write(buf[:n])
		}
		sent = append(sent, body.String())
		r.Body = http.NoBody
		return s.RoundTrip(r)
	})
	s.answer = func(string, url.Values) (int, string, error) { return 200, `{"Version":1}`, nil }
	c := s.cloud(Options{})
	c.opts.HTTPClient = &http.Client{Transport: record}
	if err := c.Parameters("eu-west-1", "0123456789abcdef").Put(t.Context(), "worker/join", "value"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"Type":"SecureString"`, resource.TagCluster, `"/clusterform/0123456789abcdef/worker/join"`, `"Tier":"Standard"`} {
		if len(sent) != 1 || !strings.Contains(sent[0], want) {
			t.Errorf("sent %q, want one call with %s", sent, want)
		}
	}
}

// TestARefusedValueIsNotQuoted: the service quotes values in its messages.
func TestARefusedValueIsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"ValidationException", "ParameterPatternMismatchException"} {
		s := &script{answer: func(string, url.Values) (int, string, error) {
			return 400, `{"__type":"` + code + `","message":"Value 's3cr3t-value' at 'value' failed to satisfy constraint"}`, nil
		}}
		err := s.cloud(Options{}).Parameters("eu-west-1", "0123456789abcdef").Put(t.Context(), "worker/join", "s3cr3t-value")
		if err == nil {
			t.Fatal("no error")
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "s3cr3t-value") || !strings.Contains(text, "worker/join") {
			t.Errorf("%s: %s", code, text)
		}
	}
}

// TestWhatIsPublished is read, and what is not is no error.
func TestWhatIsPublished(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := lab(t, 1, api.Faults{}, Options{})
		if v, ok, err := c.PublicParameter(t.Context(), labRegion, "/aws/service/debian/release/12/latest/amd64"); !ok || err != nil || !strings.HasPrefix(v, "ami-") {
			t.Errorf("%q %v %v", v, ok, err)
		}
		if v, ok, err := c.PublicParameter(t.Context(), labRegion, "/aws/service/clusterform/kubernetes/0.0.0"); ok || err != nil {
			t.Errorf("%q %v %v", v, ok, err)
		}
		if e, err := c.Endpoint(t.Context(), labRegion); e != "http://lab.invalid" || err != nil {
			t.Errorf("endpoint %q %v", e, err)
		}
	})
}
