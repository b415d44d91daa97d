package e2e_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/bootstrap/software/softwaretest"
	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/planner/resource"
)

// TestSeeds tells random stories on an endpoint with seeded faults, in virtual time. Whatever goes wrong on the way,
// applying again converges, with no duplicate and no leak. CLUSTERFORM_SEED is the first seed (default 1) and
// CLUSTERFORM_SEEDS how many there are (default 200); a failing seed runs again alone with
// CLUSTERFORM_SEED=n CLUSTERFORM_SEEDS=1.
func TestSeeds(t *testing.T) {
	t.Parallel()
	first, count := setting(t, "CLUSTERFORM_SEED", 1), setting(t, "CLUSTERFORM_SEEDS", 200)
	if testing.Short() {
		count = min(count, 10)
	}
	for seed := first; seed < first+count; seed++ {
		t.Run(strconv.FormatInt(seed, 10), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("again alone: CLUSTERFORM_SEED=%d CLUSTERFORM_SEEDS=1 go test ./internal/e2e -run TestSeeds -v", seed)
					}
				})
				newSeeded(t, seed).story()
			})
		})
	}
}

func setting(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s: want a number from 1", name, text)
	}
	return n
}

// seeded is one random world.
type seeded struct {
	t      *testing.T
	luck   *rand.Rand
	dir    string
	bundle string
	server *api.Server
	log    bytes.Buffer
	image  string
	vars   map[string]string
}

func newSeeded(t *testing.T, seed int64) *seeded {
	s := newInProcess(t, api.Options{Seed: seed})
	s.luck = rand.New(rand.NewPCG(uint64(seed), 0))
	if err := s.server.SetFaults(s.faults()); err != nil {
		t.Fatal(err)
	}
	return s
}

// newInProcess is a world without faults, in one process with its endpoint.
func newInProcess(t *testing.T, options api.Options) *seeded {
	s := &seeded{t: t, dir: memoryDir(t), bundle: memoryDir(t)}
	if err := softwaretest.Bundle(s.bundle, "1.34.4"); err != nil {
		t.Fatal(err)
	}
	options.Region, options.Keys = "us-east-1", []api.Key{{AccessKeyID: testKeyID, SecretAccessKey: testSecret}}
	server, err := api.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	s.server = server
	if err := os.CopyFS(s.dir, os.DirFS("testdata/story")); err != nil {
		t.Fatal(err)
	}
	s.image = anyImage(t, s.client())
	s.vars = map[string]string{"image": s.image}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("faults %+v\n%s", server.Faults(), s.log.String())
		}
	})
	return s
}

// memoryDir is a directory in memory where the system has one: hundreds of stories would otherwise wait for the disk.
func memoryDir(t *testing.T) string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(shm, "clusterform-e2e-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// faults draws what goes wrong in this world; about one in three of each kind is on.
func (s *seeded) faults() api.Faults {
	var f api.Faults
	on := func() bool { return s.luck.IntN(3) == 0 }
	upTo := func(d time.Duration) api.Duration { return api.Duration(s.luck.Int64N(int64(d))) }
	if on() {
		f.Throttle = 0.25 + s.luck.Float64()
	}
	if on() {
		f.LoseResponse.Probability = s.luck.Float64() * 0.08
	}
	if on() {
		f.LoseRequest.Probability = s.luck.Float64() * 0.05
	}
	if on() {
		f.ServerError.Probability = s.luck.Float64() * 0.05
	}
	if on() {
		f.Consistency = api.Consistency{New: upTo(40 * time.Second), Change: upTo(10 * time.Second)}
	}
	if on() {
		f.IAMPropagation = upTo(40 * time.Second)
	}
	if on() {
		f.Latency = api.Range{Max: upTo(2 * time.Second)}
	}
	if on() {
		f.Capacity = []api.CapacityFault{{InstanceType: "t3.*", Zone: "us-east-1" + string("ab"[s.luck.IntN(2)]), Times: s.luck.IntN(4)}}
	}
	if on() {
		f.NeverBoot = s.luck.Float64() * 0.15
	}
	return f
}

func (s *seeded) client() *ec2.Client {
	c := client("http://lab.invalid")
	return ec2.New(c.Options(), func(o *ec2.Options) { o.HTTPClient = &http.Client{Transport: s.server.Transport()} })
}

// run is one process's worth of clusterform, in this one.
func (s *seeded) run(args ...string) (code int) {
	for _, name := range slices.Sorted(mapKeys(s.vars)) {
		args = append(args, "-var="+name+"="+s.vars[name])
	}
	fmt.Fprintf(&s.log, "\n[%s] $ clusterform %s\n", time.Now().Format(time.TimeOnly), strings.Join(args, " "))
	app := cli.NewApp(&iostreams.Streams{
		In: strings.NewReader(""), Out: &s.log, Err: &s.log, Width: func() int { return 120 }, Dir: s.dir, Now: time.Now,
		Environ: []string{"CLUSTERFORM_WAIT=launched", "CLUSTERFORM_BUNDLE=" + s.bundle},
	})
	app.Signals = func(chan<- os.Signal) func() { return func() {} }
	app.NewCloud = func(o cli.CloudOptions) cli.Cloud {
		return aws.New(aws.Options{
			Endpoint: "http://lab.invalid", HTTPClient: &http.Client{Transport: s.server.Transport()}, Events: o.Events,
			Keys: &aws.Keys{AccessKeyID: testKeyID, SecretAccessKey: testSecret}, Parallelism: o.Parallelism,
		})
	}
	code = app.Main(s.t.Context(), args)
	fmt.Fprintf(&s.log, "[%s] exit %d\n", time.Now().Format(time.TimeOnly), code)
	return code
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// converge applies until that succeeds and the plan is empty. Faults may make a run fail, but not for ever.
func (s *seeded) converge(what string) {
	s.t.Helper()
	const tries = 12
	for range tries {
		if s.run("apply", "-auto-approve") != 0 {
			continue
		}
		if s.run("plan", "-detailed-exitcode") == 0 {
			s.check(what)
			return
		}
	}
	s.t.Fatalf("%s: not converged after %d applies", what, tries)
}

func (s *seeded) story() {
	s.converge("first apply")
	for n := range 1 + s.luck.IntN(3) {
		switch s.luck.IntN(5) {
		case 0:
			s.vars["workers"] = strconv.Itoa(s.luck.IntN(6))
		case 1:
			s.vars["type"] = []string{"t3.large", "t3.xlarge", "m5.xlarge"}[s.luck.IntN(3)]
		case 2:
			s.vars["batch"] = strconv.FormatBool(s.luck.IntN(2) == 0)
		case 3:
			s.vars["web_ports"] = fmt.Sprintf("[%d]", 80+s.luck.IntN(4))
		case 4:
			s.vars["owner"] = fmt.Sprintf("owner-%d", s.luck.IntN(3))
		}
		s.converge(fmt.Sprintf("change %d", n+1))
	}
	uid := s.uid()
	destroyed := false
	for range 12 {
		if s.run("destroy", "-auto-approve") == 0 {
			destroyed = true
			break
		}
	}
	if !destroyed {
		s.t.Fatal("destroy does not succeed")
	}
	s.calm()
	if left := leftovers(s.t, s.client(), uid); len(left) > 0 {
		s.t.Fatalf("destroy left:\n%s", strings.Join(left, "\n"))
	}
	if n := len(s.recorded().Records); n > 0 {
		s.t.Fatalf("destroy left %d records", n)
	}
}

// calm switches the faults off and lets everything that is late become visible.
func (s *seeded) calm() (faults api.Faults) {
	s.t.Helper()
	faults = s.server.Faults()
	if err := s.server.SetFaults(api.Faults{}); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(5 * time.Minute)
	return faults
}

func (s *seeded) recorded() *resource.Snapshot {
	s.t.Helper()
	return readState(s.t, s.dir)
}

func (s *seeded) uid() string {
	for _, c := range s.recorded().Clusters {
		return c.UID
	}
	s.t.Fatal("no cluster is recorded")
	return ""
}

// check compares what is recorded with what the endpoint really has: each object once, none besides.
func (s *seeded) check(what string) {
	s.t.Helper()
	faults := s.calm()
	defer func() {
		if err := s.server.SetFaults(faults); err != nil {
			s.t.Error(err)
		}
	}()
	sameAsRecorded(s.t, what, s.client(), s.recorded())
	if s.t.Failed() {
		s.t.FailNow()
	}
}
