package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/clusterform/clusterform/internal/bootstrap/software/softwaretest"
	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/lab/api"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"clusterform": func() { os.Exit(cli.Main(context.Background(), os.Args[1:], iostreams.System())) },
	})
}

// TestScripts runs testdata/script/*.txtar: the program as a process of its own, against the lab's API on loopback. Each
// script has an account of its own in region eu-central-1. Besides testscript's commands there are
//
//	exits N clusterform …      runs it and wants that exit code
//	cloud KIND N               the account has N instances, vpcs… left (those that are not terminated)
//	faults JSON                sets the endpoint's faults
//	terminate FILE             ends the instance whose id is in the file, as somebody else would
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "cloud": cloud, "faults": faults, "terminate": terminate,
		},
	})
}

type serverKey struct{}

func setUp(env *testscript.Env) error {
	key := api.Key{AccessKeyID: "AKIASCRIPT", SecretAccessKey: "script-secret"}
	server, err := api.New(api.Options{
		Region: "eu-central-1", Seed: 1, Keys: []api.Key{key}, NoDefaultVPC: true,
		Faults: instantly(),
	})
	if err != nil {
		return err
	}
	listener := httptest.NewServer(server)
	env.Defer(func() {
		listener.Close()
		_ = server.Close()
	})
	env.Values[serverKey{}] = server
	env.Setenv("AWS_ENDPOINT_URL", listener.URL)
	env.Setenv("AWS_ACCESS_KEY_ID", key.AccessKeyID)
	env.Setenv("AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	env.Setenv("CI", "")
	env.Setenv("CLUSTERFORM_WAIT", "launched") // there are no machines that could join
	env.Setenv("CLUSTERFORM_BUNDLE", filepath.Join(env.WorkDir, ".bundle"))
	return softwaretest.Bundle(filepath.Join(env.WorkDir, ".bundle"), "1.34.4")
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		text := err.Error()
		i := strings.LastIndex(text, "exit status ")
		if i < 0 {
			ts.Fatalf("%v", err)
		}
		got, err = strconv.Atoi(text[i+len("exit status "):])
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func cloud(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: cloud KIND COUNT")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	got, err := counted(ts.Value(serverKey{}).(*api.Server), args[0])
	ts.Check(err)
	if got != want {
		ts.Fatalf("%d %s in the account, want %d", got, args[0], want)
	}
}

// counted is the number of an account's instances that are not terminated, or of records of another kind. "nothing" counts
// all that a destroy should have removed.
func counted(s *api.Server, kind string) (int, error) {
	status := s.Status()
	switch n, known := status.Records[kind]; {
	case kind == "instances":
		return len(status.List), nil
	case kind == "nothing":
		n := len(status.List)
		for _, k := range ours {
			n += status.Records[k]
		}
		return n, nil
	case known:
		return n, nil
	default:
		return 0, fmt.Errorf("cloud: there is no kind %q; there are %v", kind, slices.Sorted(maps.Keys(status.Records)))
	}
}

// instantly is a cloud that takes no time.
func instantly() api.Faults { return api.Faults{Boot: new(api.Range), Shutdown: new(api.Range)} }

func faults(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: faults JSON")
	}
	f := instantly()
	ts.Check(json.Unmarshal([]byte(args[0]), &f))
	ts.Check(ts.Value(serverKey{}).(*api.Server).SetFaults(f))
}

// terminate ends the instance whose id is in a file.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate FILE")
	}
	client := ec2.New(ec2.Options{
		Region: "eu-central-1", BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	})
	_, err := client.TerminateInstances(context.Background(), &ec2.TerminateInstancesInput{InstanceIds: []string{strings.TrimSpace(ts.ReadFile(args[0]))}})
	ts.Check(err)
}

// ours are the kinds of records that clusterform makes, in the endpoint's words.
var ours = []string{
	"vpc", "subnet", "gateway", "group", "address", "interface", "volume", "role", "profile", "balancer", "targetgroup", "listener",
}
