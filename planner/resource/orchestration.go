package resource

import "time"

// Credentials are the secrets that a cluster's nodes and its administrators trust, kept in the Parameter Store below
// Path. Their values are never recorded; what is recorded is public.
type Credentials struct {
	Orchestrator string `json:"orchestrator" cf:"replace"`
	// Path is where the parameters are: "/clusterform/UID". It is the object's ID, too.
	Path string `json:"path" cf:"replace"`
	// Parameters are the names below Path that were made, sorted.
	Parameters []string `json:"parameters,omitempty" cf:"computed"`
	// CA is the certificate in PEM that the API's certificate is signed with, ExpiresAt its end.
	CA        string    `json:"ca_certificate,omitempty" cf:"computed"`
	ExpiresAt time.Time `json:"expires_at,omitzero" cf:"computed"`
}

// Workload is what a workload block asks of an orchestrator. Secrets stand in it as keyed digests only.
type Workload struct {
	Orchestrator string `json:"orchestrator" cf:"replace"`
	Namespace    string `json:"namespace" cf:"replace"`
	Name         string `json:"name" cf:"replace"`
	// Type is the hclconfig.WorkloadKind: "deployment", "daemon", "job", "cron_job", "pod".
	Type string `json:"type" cf:"replace"`
	// Attributes are the block's settings by path ("container.app.image"), for a plan that says what changes.
	Attributes map[string]string `json:"attributes,omitempty" cf:"update,unobserved"`
	// Content is the digest of the native objects, which are a blob that is never written to disk when it holds secrets
	// (see planner.Content). A keyed digest: it does not help to guess a secret.
	Content string `json:"content" cf:"update,unobserved"`
	// Live are digests of what is ours in each native object as the orchestrator has it, by "Deployment/default/web". A
	// workload that is wanted takes over what is recorded, so a difference is drift.
	Live map[string]string `json:"live,omitempty" cf:"update"`
	// Objects are the native objects that were made, sorted: what is no longer wanted of them is removed.
	Objects []string `json:"objects,omitempty" cf:"computed"`
}

// Manifest is one raw Kubernetes object.
type Manifest struct {
	APIVersion string `json:"api_version" cf:"replace"`
	ObjectKind string `json:"object_kind" cf:"replace"`
	Namespace  string `json:"namespace,omitempty" cf:"replace"`
	Name       string `json:"name" cf:"replace"`
	// Attributes are the object's leaves by path ("spec.replicas"); sensitive values are keyed digests.
	Attributes map[string]string `json:"attributes,omitempty" cf:"update,unobserved"`
	Content    string            `json:"content" cf:"update,unobserved"` // see Workload.Content
	Live       map[string]string `json:"live,omitempty" cf:"update"`     // see Workload.Live
	Wait       bool              `json:"wait" cf:"recorded"`
}

func (*Credentials) Kind() Kind { return KindCredentials }
func (*Workload) Kind() Kind    { return KindWorkload }
func (*Manifest) Kind() Kind    { return KindManifest }
