package operate

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// askTimeout bounds the questions to one cluster.
const askTimeout = 20 * time.Second

// status is how everything recorded is doing; docs/commands.md names the fields.
type status struct {
	// Well: every API answers, every node is ready, every workload has what it wants.
	Well     bool            `json:"well"`
	Clusters []clusterStatus `json:"clusters"`
}

type clusterStatus struct {
	Address      resource.Address    `json:"address"`
	UID          string              `json:"uid"`
	Orchestrator string              `json:"orchestrator"`
	Region       string              `json:"region"`
	Endpoint     string              `json:"endpoint,omitempty"`
	Well         bool                `json:"well"`
	Problem      string              `json:"problem,omitempty"`
	Nodes        []nodeStatus        `json:"nodes"`
	Workloads    []workloadStatus    `json:"workloads"`
	Certificates []certificateStatus `json:"certificates,omitempty"`
	Notices      []noticeStatus      `json:"notices,omitempty"`
}

// noticeStatus is no fault: what the cluster's machines do not offer.
type noticeStatus struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

type nodeStatus struct {
	Address      resource.Address `json:"address"`
	Instance     string           `json:"instance_id"`
	InstanceType string           `json:"instance_type"`
	Zone         string           `json:"zone"`
	PrivateIP    string           `json:"private_ip"`
	Phase        resource.Phase   `json:"phase"`
	Ready        bool             `json:"ready"`
	Cordoned     bool             `json:"cordoned,omitempty"`
	Version      string           `json:"version,omitempty"`
	Problem      string           `json:"problem,omitempty"`
}

type workloadStatus struct {
	Address resource.Address `json:"address"`
	Type    string           `json:"type"`
	Ready   int              `json:"ready"`
	Wanted  int              `json:"wanted"`
	Problem string           `json:"problem,omitempty"`
}

type certificateStatus struct {
	Name      string    `json:"name"`
	ExpiresAt time.Time `json:"expires_at"`
}

// ask asks all clusters side by side, or the one named.
func (o *StatusOptions) ask(ctx context.Context, name string) (*status, error) {
	snap, err := o.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	clusters := slices.Sorted(maps.Keys(snap.Clusters))
	if name != "" {
		c, err := cluster(snap, name)
		if err != nil {
			return nil, err
		}
		clusters = []resource.Address{c}
	}
	s := &status{Well: true, Clusters: make([]clusterStatus, len(clusters))}
	var wg sync.WaitGroup
	for i, c := range clusters {
		wg.Go(func() { s.Clusters[i] = o.askCluster(ctx, snap, c) })
	}
	wg.Wait()
	for _, c := range s.Clusters {
		s.Well = s.Well && c.Well
	}
	return s, nil
}

func (o *StatusOptions) askCluster(ctx context.Context, snap *resource.Snapshot, c resource.Address) clusterStatus {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	rec := snap.Clusters[c]
	s := clusterStatus{
		Address: c, UID: rec.UID, Orchestrator: rec.Orchestrator, Region: rec.Region, Endpoint: endpoint(snap, c), Well: true,
		Nodes: []nodeStatus{}, Workloads: []workloadStatus{},
	}
	var workloads []*resource.Record
	for _, r := range snap.Records {
		if r.Cluster != c {
			continue
		}
		switch r.Kind {
		case resource.KindNode:
			s.Nodes = append(s.Nodes, recordedNode(r))
		case resource.KindWorkload, resource.KindManifest:
			workloads = append(workloads, r)
		}
	}
	slices.SortFunc(s.Nodes, func(a, b nodeStatus) int { return resource.Compare(a.Address, b.Address) })
	slices.SortFunc(workloads, func(a, b *resource.Record) int { return resource.Compare(a.Address, b.Address) })
	if len(s.Nodes) == 0 {
		s.Well, s.Problem = false, "no node is recorded"
		return s
	}
	client, err := o.Connect(ctx, snap, c)
	if err != nil {
		return s.failed(err)
	}
	defer client.Close()
	if err := client.Healthy(ctx); err != nil {
		s = s.failed(err)
	}
	members, err := client.Members(ctx)
	if err != nil {
		return s.failed(err)
	}
	s.members(members)
	if n, ok := client.(orchestrator.Noticer); ok {
		for _, x := range n.Notices(members) {
			s.Notices = append(s.Notices, noticeStatus(x))
		}
	}
	s.workloads(ctx, client, workloads)
	if certificates, err := certificates(ctx, snap, c, client); err == nil { // they are told of, not asked for
		for _, x := range certificates {
			s.Certificates = append(s.Certificates, certificateStatus(x))
			s.Well = s.Well && x.ExpiresAt.After(o.Now())
		}
	}
	return s
}

func (s clusterStatus) failed(err error) clusterStatus {
	s.Well = false
	if s.Problem == "" {
		s.Problem = err.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		s.Problem = "it did not answer within " + askTimeout.String()
	}
	return s
}

func recordedNode(r *resource.Record) nodeStatus {
	n, ok := r.Spec.(*resource.Node)
	if !ok {
		return nodeStatus{Address: r.Address, Instance: r.ID}
	}
	return nodeStatus{
		Address: r.Address, Instance: r.ID, InstanceType: n.InstanceType, Zone: n.Zone, PrivateIP: n.PrivateIP, Phase: r.Phase, Problem: r.LastError,
	}
}

// members adds what the orchestrator says of the nodes.
func (s *clusterStatus) members(all []orchestrator.Member) {
	byInstance := map[string]orchestrator.Member{}
	for _, m := range all {
		byInstance[m.Instance] = m
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		m, ok := byInstance[n.Instance]
		delete(byInstance, n.Instance)
		switch {
		case !ok:
			n.Problem = "it is no member of the cluster"
		case !m.Ready:
			n.Problem = m.Reason
		default:
			n.Problem = ""
		}
		n.Ready, n.Cordoned, n.Version = m.Ready, m.Cordoned, m.Version
		s.Well = s.Well && n.Ready
	}
	for _, m := range byInstance {
		s.Nodes = append(s.Nodes, nodeStatus{
			Instance: m.Instance, PrivateIP: m.Address, Ready: m.Ready, Cordoned: m.Cordoned, Version: m.Version, Problem: "a member that is not recorded",
		})
	}
}

func (s *clusterStatus) workloads(ctx context.Context, client orchestrator.Client, records []*resource.Record) {
	reader, ok := client.(orchestrator.StatusReader)
	if !ok || len(records) == 0 {
		return
	}
	all, err := reader.WorkloadStatus(ctx, records)
	if err != nil {
		*s = s.failed(err)
		return
	}
	for _, w := range all {
		s.Workloads = append(s.Workloads, workloadStatus{Address: w.Address, Type: w.Type, Ready: w.Ready, Wanted: w.Wanted, Problem: w.Message})
		s.Well = s.Well && w.Ready >= w.Wanted && w.Message == ""
	}
}

// endpoint is the address of a cluster's API for clients.
func endpoint(snap *resource.Snapshot, c resource.Address) string {
	if r := snap.Records[c.Child("elastic_ip")]; r != nil {
		if s, ok := r.Spec.(*resource.ElasticIP); ok {
			return s.PublicIP
		}
	}
	if r := snap.Records[c.Child("load_balancer")]; r != nil {
		if s, ok := r.Spec.(*resource.LoadBalancer); ok {
			return s.DNSName
		}
	}
	return ""
}

// writeLine writes one document in one line.
func (o *Options) writeLine(v any) error { return json.NewEncoder(o.Out).Encode(v) }
