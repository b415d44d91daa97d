package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// Parameters are one cluster's values in the Parameter Store. All are SecureStrings of the standard tier below
// /clusterform/UID/, encrypted with the account's own key for the store; names are relative to that path. No value is in an
// error. It is safe for concurrent use.
type Parameters struct {
	cloud       *Cloud
	region, uid string

	mu sync.Mutex
	// known are names that exist as far as we saw: an existing parameter is written with another call than a new one.
	known map[string]bool
}

// Parameters returns the values of the cluster with that UID. It calls nobody yet.
func (c *Cloud) Parameters(regionName, uid string) *Parameters {
	return &Parameters{cloud: c, region: regionName, uid: uid, known: map[string]bool{}}
}

// Path is where they are: "/clusterform/UID".
func (p *Parameters) Path() string { return "/clusterform/" + p.uid }

func (p *Parameters) full(name string) string { return p.Path() + "/" + name }

func (p *Parameters) name(full string) string { return strings.TrimPrefix(full, p.Path()+"/") }

func (p *Parameters) isKnown(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[name]
}

func (p *Parameters) note(exists bool, names ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range names {
		p.known[name] = exists
	}
}

// perCall is how many parameters one call reads or deletes.
const perCall = 10

// Get returns those that exist, decrypted, with one call for each ten.
func (p *Parameters) Get(ctx context.Context, names ...string) (map[string]string, error) {
	r, err := p.cloud.region(ctx, p.region)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(names))
	wanted := slices.Clone(names)
	slices.Sort(wanted)
	for part := range slices.Chunk(slices.Compact(wanted), perCall) {
		in := &ssm.GetParametersInput{WithDecryption: new(true)}
		for _, name := range part {
			in.Names = append(in.Names, p.full(name))
		}
		got, err := r.ssm.GetParameters(ctx, in)
		if err != nil {
			return nil, describe(err, "", p.Path())
		}
		for _, v := range got.Parameters {
			name := p.name(sdk.ToString(v.Name))
			out[name] = sdk.ToString(v.Value)
			p.note(true, name)
		}
	}
	return out, nil
}

// Put writes, over what was there. An empty value, which the store does not take, removes the parameter.
func (p *Parameters) Put(ctx context.Context, name, value string) error {
	if value == "" {
		return p.Delete(ctx, name)
	}
	if !p.isKnown(name) {
		// Only a new parameter takes tags.
		if made, err := p.Create(ctx, name, value); made || err != nil {
			return err
		}
	}
	r, err := p.cloud.region(ctx, p.region)
	if err != nil {
		return err
	}
	_, err = r.ssm.PutParameter(ctx, &ssm.PutParameterInput{
		Name: new(p.full(name)), Value: &value, Type: types.ParameterTypeSecureString, Tier: types.ParameterTierStandard, Overwrite: new(true),
	})
	if err != nil {
		return p.refused(err, name, value)
	}
	return nil
}

// Create writes only what does not exist; made is false when it did. A retry after a lost answer finds its own value and
// says false, too.
func (p *Parameters) Create(ctx context.Context, name, value string) (made bool, err error) {
	r, err := p.cloud.region(ctx, p.region)
	if err != nil {
		return false, err
	}
	_, err = r.ssm.PutParameter(ctx, &ssm.PutParameterInput{
		Name: new(p.full(name)), Value: &value, Type: types.ParameterTypeSecureString, Tier: types.ParameterTierStandard, Overwrite: new(false),
		Tags: []types.Tag{{Key: new(resource.TagCluster), Value: &p.uid}},
	})
	switch {
	case isCode(err, "ParameterAlreadyExists"):
		p.note(true, name)
		return false, nil
	case err != nil:
		return false, p.refused(err, name, value)
	}
	p.note(true, name)
	return true, nil
}

// refused words a failed write. The service quotes values in some of its messages, so those are not passed on.
func (p *Parameters) refused(err error, name, value string) error {
	d := describe(err, "", p.full(name))
	e, ok := errors.AsType[*resource.Error](d)
	if !ok {
		return d
	}
	e = new(*e)
	e.ID = p.full(name)
	if e.Code == "ValidationException" || value != "" && strings.Contains(err.Error(), value) {
		e.Message = fmt.Sprintf("the Parameter Store does not take the value (%d bytes of at most 4096)", len(value))
		e.Err = nil
	}
	return e
}

// List returns the names that exist, sorted. Values are neither decrypted nor kept.
func (p *Parameters) List(ctx context.Context) ([]string, error) {
	r, err := p.cloud.region(ctx, p.region)
	if err != nil {
		return nil, err
	}
	var names []string
	pages := ssm.NewGetParametersByPathPaginator(r.ssm, &ssm.GetParametersByPathInput{
		Path: new(p.Path()), Recursive: new(true), WithDecryption: new(false), MaxResults: new(int32(perCall)),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, describe(err, "", p.Path())
		}
		for _, v := range page.Parameters {
			names = append(names, p.name(sdk.ToString(v.Name)))
		}
	}
	p.note(true, names...)
	slices.Sort(names)
	return names, nil
}

// Delete removes, ten with a call; what does not exist is fine.
func (p *Parameters) Delete(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	r, err := p.cloud.region(ctx, p.region)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(names, perCall) {
		in := &ssm.DeleteParametersInput{}
		for _, name := range part {
			in.Names = append(in.Names, p.full(name))
		}
		if _, err := r.ssm.DeleteParameters(ctx, in); err != nil {
			return describe(err, "", p.Path())
		}
		p.note(false, part...)
	}
	return nil
}

// PublicParameter reads a parameter that somebody published for everybody; false when there is none, or none for us.
func (c *Cloud) PublicParameter(ctx context.Context, regionName, name string) (string, bool, error) {
	r, err := c.region(ctx, regionName)
	if err != nil {
		return "", false, err
	}
	out, err := r.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	switch {
	case isCode(err, "ParameterNotFound", "AccessDeniedException", "AccessDenied"):
		return "", false, nil
	case err != nil:
		return "", false, describe(err, "", name)
	}
	return sdk.ToString(out.Parameter.Value), true, nil
}

// Endpoint is the URL of the region's services where it is not AWS's own; "" for AWS. It sends no request.
func (c *Cloud) Endpoint(ctx context.Context, regionName string) (string, error) {
	r, err := c.region(ctx, regionName)
	if err != nil {
		return "", err
	}
	for _, base := range []*string{r.ssm.Options().BaseEndpoint, r.ec2.Options().BaseEndpoint} {
		if base != nil && *base != "" {
			return *base, nil
		}
	}
	return "", nil
}
