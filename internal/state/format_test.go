package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

// fullSnapshot has one of everything.
func fullSnapshot() *resource.Snapshot {
	s := resource.NewSnapshot("3b1f8a52-8f0e-4b7c-9a43-5d2f6f1c0e77")
	s.Serial = 12
	s.Clusters["cluster.lab"] = resource.ClusterRecord{UID: testUID, Region: "eu-central-1", Orchestrator: "kubernetes",
		Images: map[string]string{"ssm:/aws/service/debian": "ami-0123456789abcdef0"},
		Software: map[string]*resource.Software{"1.34.4": {Origin: "lab", Registry: "http://registry.lab:5000", Files: []resource.SoftwareFile{
			{Name: "kubelet", URL: "http://artifacts.lab:5080/kubelet", SHA256: "00ff", Kind: "binary", Path: "/usr/local/bin/kubelet", Mode: "0755"},
		}}}}
	s.Outputs["endpoint"] = resource.OutputRecord{Type: json.RawMessage(`"string"`), Value: json.RawMessage(`"10.88.0.4"`)}
	s.Outputs["token"] = resource.OutputRecord{Type: json.RawMessage(`"string"`), Sensitive: true, Sealed: "sealed:v1:YWdl"}
	s.Records["cluster.lab.vpc"] = vpcRecord()
	s.Records["cluster.lab.route_table"] = &resource.Record{
		Object: resource.Object{Address: "cluster.lab.route_table", Kind: resource.KindRouteTable, Cluster: "cluster.lab", UID: testUID,
			Region: "eu-central-1", ID: "rtb-1", Spec: &resource.RouteTable{VPC: "cluster.lab.vpc",
				Routes: []resource.Route{{Destination: "0.0.0.0/0", Gateway: "cluster.lab.internet_gateway"}}}},
		Generation: 1, Incomplete: true, LastError: "ec2:CreateRoute: InvalidGatewayID.NotFound", DependsOn: []resource.Address{"cluster.lab.vpc"},
	}
	for a, spec := range map[resource.Address]resource.Spec{
		"cluster.lab.credentials": &resource.Credentials{Orchestrator: "kubernetes", Path: "/clusterform/" + testUID, Parameters: []string{"control-plane/pki/cluster"}, CA: "-----BEGIN CERTIFICATE-----\n"},
		"workload.web": &resource.Workload{Orchestrator: "kubernetes", Namespace: "default", Name: "web", Type: "deployment",
			Attributes: map[string]string{"container.app.image": "hello:1"}, Content: "ab12", Live: map[string]string{"Deployment/default/web": "cd34"}, Objects: []string{"Deployment/default/web"}},
		"manifest.settings": &resource.Manifest{APIVersion: "v1", ObjectKind: "ConfigMap", Namespace: "shop", Name: "settings", Content: "ef56", Wait: true},
	} {
		s.Records[a] = &resource.Record{Object: resource.Object{Address: a, Kind: spec.Kind(), Cluster: "cluster.lab", UID: testUID, Region: "eu-central-1", ID: "id-of-" + string(a), Spec: spec}, Generation: 1}
	}
	for _, i := range []int{2, 10, 0} {
		s.Records[nodeAddress(i)] = nodeRecord(i)
	}
	old := nodeRecord(2)
	old.ID, old.Deposed, old.Phase, old.Tainted = "i-old", true, resource.PhaseDraining, true
	s.Deposed[nodeAddress(2)] = []*resource.Record{old}
	intent := launchIntent(nodeAddress(11), nodeAddress(12))
	intent.Seq, intent.Settled = 41, []resource.Address{nodeAddress(12)}
	s.Intents = []resource.Intent{intent}
	return s
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", path, got)
	}
}

func TestTheFilesLookLikeThis(t *testing.T) {
	t.Parallel()
	exported, err := Export(fullSnapshot())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "export.json", exported)
	file, _, err := encodeSnapshot(fullSnapshot(), position{Sequence: 345, Fence: 7, LastIntent: 41}, "0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "snapshot.json", file)
	empty, err := Export(resource.NewSnapshot("3b1f8a52-8f0e-4b7c-9a43-5d2f6f1c0e77"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "empty.json", empty)

	f := open(t, t.TempDir())
	writeBytes(t, f.Path(), file)
	s := lock(t, f)
	for _, entries := range story() {
		commit(t, s, entries...)
	}
	golden(t, "journal.txt", readBytes(t, f.journalPath))
	random := regexp.MustCompile(`"(id|machine|pid|process_start)":("[^"]*"|\d+)`)
	golden(t, "lock.json", random.ReplaceAll(bytes.TrimSpace(readBytes(t, f.lockPath)), []byte(`"$1":"…"`)))
}

// The canonical form comes back as it is, also through encoding/json alone, and when a formatter was at it.
func TestCanonicalFormReadsBack(t *testing.T) {
	t.Parallel()
	data, _, err := encodeSnapshot(fullSnapshot(), position{Sequence: 345, Fence: 7, LastIntent: 41}, "0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	var indented, compact bytes.Buffer
	if err := errors.Join(json.Indent(&indented, data, "", "    "), json.Compact(&compact, data)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"as written": data, "indented": indented.Bytes(), "compact": compact.Bytes()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := decodeSnapshot("x", text, "")
			if err != nil {
				t.Fatal(err)
			}
			again, _, err := encodeSnapshot(d.snapshot, d.position, "0.1.0")
			if err != nil || !bytes.Equal(again, data) {
				t.Errorf("%v\n%s\nwant\n%s", err, again, data)
			}
		})
	}
}

func TestFilesThatAreNoStateAreRefused(t *testing.T) {
	t.Parallel()
	good, _, err := encodeSnapshot(fullSnapshot(), position{Sequence: 345}, "0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	edit := func(old, new string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("no %s in the state", old)
		}
		return bytes.Replace(good, []byte(old), []byte(new), 1)
	}
	digestLine := regexp.MustCompile(`,\n"digest": "[^"]*"`)
	unsigned := digestLine.ReplaceAll(good, nil)
	for name, c := range map[string]struct {
		data []byte
		want Problem
		says string
	}{
		"empty":              {nil, Empty, "is empty"},
		"only spaces":        {[]byte(" \n"), Empty, "is empty"},
		"binary":             {[]byte{0x7f, 'E', 'L', 'F', 0, 1}, NotJSON, "no JSON object"},
		"text":               {[]byte("hello\n"), NotJSON, "no JSON object"},
		"a JSON array":       {[]byte("[]"), NotJSON, "no JSON object"},
		"broken JSON":        {[]byte(`{"format": clusterform}`), NotJSON, "not valid JSON"},
		"two documents":      {append(bytes.Clone(good), good...), NotJSON, "behind its end"},
		"Terraform":          {[]byte(`{"version": 4, "terraform_version": "1.11.0", "resources": []}`), Foreign, "Terraform or OpenTofu"},
		"another JSON":       {[]byte(`{"name": "x"}`), Foreign, "not a clusterform state"},
		"half":               {good[:len(good)/2], Truncated, "cut off"},
		"one byte short":     {good[:len(good)-3], Truncated, "cut off"},
		"a value changed":    {edit("10.88.0.0/16", "10.99.0.0/16"), Altered, "does not match its digest"},
		"a record removed":   {edit(`"deposed": [`, `"deposed": [], "x": [`), Invalid, "unknown field"},
		"no digest":          {unsigned, Altered, "edited by hand"},
		"newer":              {edit(`"version": 1`, `"version": 7`), Newer, "version 7, written by clusterform 0.1.0; this clusterform knows up to version 1"},
		"version 1.5":        {edit(`"version": 1`, `"version": 1.5`), Invalid, "version"},
		"a kind of tomorrow": {bytes.ReplaceAll(unsigned, []byte(`"kind":"vpc"`), []byte(`"kind":"warp"`)), Invalid, `kind "warp"`},
		"two records of one address": {bytes.ReplaceAll(unsigned, []byte(`"address":"node_pool.worker[10]"`), []byte(`"address":"node_pool.worker[0]"`)),
			Invalid, "two records"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, t.TempDir())
			writeBytes(t, f.Path(), c.data)
			_, err := f.Read(context.Background())
			if !isProblem(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "Nothing was changed") {
				t.Errorf("Read = %v\nwant %q and %q", err, c.want, c.says)
			}
			if _, err := f.Lock(context.Background(), LockRequest{}); !isProblem(err, c.want) {
				t.Errorf("Lock = %v", err)
			}
			if got := readBytes(t, f.Path()); !bytes.Equal(got, c.data) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestEveryOldVersionIsUpgraded(t *testing.T) {
	t.Parallel()
	for v := range upgrades() {
		name := "v" + string(rune('0'+v))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, err := os.ReadFile(filepath.Join("testdata", "upgrade", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			f := open(t, t.TempDir())
			writeBytes(t, f.Path(), old)
			s := read(t, f)
			golden(t, "upgraded-"+name+".json", []byte(export(t, s)))
			if got := readBytes(t, f.Path()); !bytes.Equal(got, old) {
				t.Error("reading rewrote the file")
			}
			// The first run that changes something writes the present version, and keeps the old file.
			session := lock(t, f)
			commit(t, session, Put(nodeRecord(7)))
			want := export(t, session.Snapshot())
			closeSession(t, session)
			if got := export(t, read(t, f)); got != want {
				t.Errorf("after a run:\n%s\nwant\n%s", got, want)
			}
			if !bytes.Contains(readBytes(t, f.Path()), []byte("\n\"version\": 1,\n")) {
				t.Error("the file still has the old version")
			}
			if got := readBytes(t, f.backupPath); !bytes.Equal(got, old) {
				t.Errorf("the backup is not the old file:\n%s", got)
			}
		})
	}
}

// Records read the fast way and by encoding/json are the same, whatever stands in a line.
func FuzzRecordLine(f *testing.F) {
	s := fullSnapshot()
	for _, r := range s.Records {
		line, err := marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	for _, line := range []string{
		`{"kind":"vpc","spec":{"cidr":"\u0041é","tags":{"a":"\n"}}}`, `{"kind":"vpc","spec":{"cidr":null}}`,
		`{"kind":"node","spec":{"disk_gib":007,"tags":{"a":"1","a":"2"}}}`, `{"kind":"node","kind":"vpc","spec":{}}`,
		`{"kind":"route_table","spec":{"routes":[{"destination":"d","gateway":""}],"subnets":[]},"generation":-1,"updated_at":"2026-03-01T12:00:00+01:00"}`,
		`{"kind":"vpc","spec":{"dns_support":true,"dns_support":false}}`, `{"kind":"vpc","spec":{"CIDR":"x"}}`, `{"kind":"node","spec":{"disk_gib":1e2}}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		d := newRecordReader()
		for range 2 { // the second time with what the reader remembers of the first
			fast, ok := d.read(line)
			if !ok {
				continue
			}
			slow := new(resource.Record)
			if err := json.Unmarshal(line, slow); err != nil {
				t.Fatalf("encoding/json refuses what was read: %v", err)
			}
			a, errA := marshal(fast)
			b, errB := marshal(slow)
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Fatalf("fast %s (%v)\nslow %s (%v)", a, errA, b, errB)
			}
		}
	})
}

func TestRecordsAsWrittenAreReadTheFastWay(t *testing.T) {
	t.Parallel()
	d := newRecordReader()
	for _, kind := range resource.Kinds() {
		spec, _ := resource.NewSpec(kind)
		line, err := marshal(&resource.Record{Object: resource.Object{Address: "a", Kind: kind, Spec: spec}})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := d.read(line); !ok {
			t.Errorf("%s: %s is left to encoding/json", kind, line)
		}
	}
	for _, r := range fullSnapshot().Records {
		line, err := marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := d.read(line); !ok {
			t.Errorf("%s is left to encoding/json", line)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	good, _, err := encodeSnapshot(fullSnapshot(), position{Sequence: 345}, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(`{"format":"clusterform.state","version":0,"lineage":"l","resources":{"a":{"kind":"vpc","spec":{}}}}`))
	f.Add([]byte(`{"format":"clusterform.state","version":1,"lineage":"l","records":[null],"intents":[{"addresses":[]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := decodeSnapshot("x", data, "")
		if err != nil {
			if _, ok := errors.AsType[*FileError](err); !ok {
				t.Errorf("error of no known kind: %v", err)
			}
			return
		}
		again, digest, err := encodeSnapshot(d.snapshot, d.position, "")
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		e, err := decodeSnapshot("x", again, "")
		if err != nil || e.digest != digest {
			t.Fatalf("what was written cannot be read: %v\n%s", err, again)
		}
	})
}
