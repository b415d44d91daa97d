package aws

import (
	"context"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// roles handles IAM roles, each with its instance profile of the same name. IAM cannot search by tag: everything of a
// cluster stands under one path instead.
type roles struct{ *region }

// policyName is that of a role's one inline policy.
const policyName = "clusterform"

// assumedByEC2 is the trust policy that lets instances use a role.
const assumedByEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func rolePath(uid string) string { return "/clusterform/" + uid + "/" }

func (*roles) kind() resource.Kind { return resource.KindRole }

func (h *roles) list(ctx context.Context, _ resource.Runtime, q query) ([]*found, error) {
	names := slices.Clone(q.ids)
	prefixes := make([]string, 0, len(q.uids))
	for _, uid := range q.uids {
		prefixes = append(prefixes, rolePath(uid))
	}
	if len(q.tokens) > 0 {
		prefixes = []string{"/clusterform/"}
	}
	for _, prefix := range prefixes {
		pages := iam.NewListRolesPaginator(h.iam, &iam.ListRolesInput{PathPrefix: &prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, r := range page.Roles {
				names = append(names, sdk.ToString(r.RoleName))
			}
		}
	}
	var out []*found
	for _, name := range names {
		f, err := h.find(ctx, name)
		if err != nil {
			return nil, err
		}
		if f != nil && (len(q.tokens) == 0 || slices.Contains(q.tokens, f.tags[resource.TagToken])) {
			out = append(out, f)
		}
	}
	return out, nil
}

// find returns the role of a name, nil when there is none.
func (h *roles) find(ctx context.Context, name string) (*found, error) {
	got, err := h.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return nil, ignoreNotFound(err)
	}
	tags := iamTags(got.Role.Tags)
	spec := &resource.Role{Name: name, Tags: tags.user(), ARN: sdk.ToString(got.Role.Arn)}
	f := &found{id: name, tags: tags, spec: spec}
	policy, err := h.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: new(policyName)})
	if ignoreNotFound(err) != nil {
		return nil, err
	}
	if err == nil {
		spec.Policy = decodePolicy(sdk.ToString(policy.PolicyDocument))
	}
	profile, err := h.iam.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: &name})
	if ignoreNotFound(err) != nil {
		return nil, err
	}
	if err == nil && slices.ContainsFunc(profile.InstanceProfile.Roles, func(r types.Role) bool { return sdk.ToString(r.RoleName) == name }) {
		spec.InstanceProfile = name
	} else {
		f.trouble = "its instance profile is missing or does not hold the role"
	}
	return f, nil
}

// decodePolicy undoes the URL encoding in which IAM hands policies out; some endpoints do not encode.
func decodePolicy(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil && json.Valid([]byte(decoded)) {
		return decoded
	}
	return s
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return reflect.DeepEqual(x, y)
}

func iamTags(tags []types.Tag) tagSet {
	t := tagSet{}
	for _, tag := range tags {
		t[sdk.ToString(tag.Key)] = sdk.ToString(tag.Value)
	}
	return t.fromPlain()
}

func (t tagSet) iam() []types.Tag {
	t = t.plain()
	var out []types.Tag
	for _, k := range t.keys() {
		out = append(out, types.Tag{Key: &k, Value: new(t[k])})
	}
	return out
}

func (h *roles) create(ctx context.Context, _ resource.Runtime, o *resource.Object, tags tagSet) (string, error) {
	spec := o.Spec.(*resource.Role)
	_, err := h.iam.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: &spec.Name, Path: new(rolePath(o.UID)), AssumeRolePolicyDocument: new(assumedByEC2), Tags: tags.iam(),
		Description: new("clusterform: " + string(o.Address)),
	})
	return spec.Name, err
}

func (h *roles) namesake(ctx context.Context, _ resource.Runtime, o *resource.Object) (*found, error) {
	return h.find(ctx, o.Spec.(*resource.Role).Name)
}

func (h *roles) converge(ctx context.Context, _ resource.Runtime, o *resource.Object, seen *found) error {
	want, have := o.Spec.(*resource.Role), seen.spec.(*resource.Role)
	if !sameJSON(want.Policy, have.Policy) {
		err := h.settled(ctx, func() error {
			_, err := h.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
				RoleName: &want.Name, PolicyName: new(policyName), PolicyDocument: &want.Policy,
			})
			return err
		})
		if err != nil {
			return err
		}
	}
	if have.InstanceProfile == "" {
		if err := h.profile(ctx, o, want.Name); err != nil {
			return err
		}
		have.InstanceProfile = want.Name
	}
	return nil
}

// profile makes the instance profile and puts the role into it, as far as that is not done.
func (h *roles) profile(ctx context.Context, o *resource.Object, name string) error {
	err := h.settled(ctx, func() error {
		_, err := h.iam.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{
			InstanceProfileName: &name, Path: new(rolePath(o.UID)), Tags: wantedTags(o, tagsOf(o.Spec)).iam(),
		})
		if isCode(err, "EntityAlreadyExists") {
			return h.ownProfile(ctx, o, name, err)
		}
		return err
	}, isAmbiguous)
	if err != nil {
		return err
	}
	return h.settled(ctx, func() error {
		_, err := h.iam.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: &name})
		// A profile holds one role; LimitExceeded says that it does already, which by then is ours.
		if isCode(err, "LimitExceeded", "EntityAlreadyExists") {
			return nil
		}
		return err
	})
}

// ownProfile tells whether the profile in the way is one that an earlier try made.
func (h *roles) ownProfile(ctx context.Context, o *resource.Object, name string, taken error) error {
	got, err := h.iam.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: &name})
	if err != nil {
		return err
	}
	p := got.InstanceProfile
	if sdk.ToString(p.Path) == rolePath(o.UID) || iamTags(p.Tags)[resource.TagCluster] == o.UID {
		return nil
	}
	return taken
}

func (h *roles) remove(ctx context.Context, rt resource.Runtime, rec *resource.Record) error {
	name := &rec.ID
	gone := func(_ any, err error) error { return ignoreNotFound(err) }
	policies, err := h.iam.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name})
	if ignoreNotFound(err) != nil {
		return err
	}
	if err != nil {
		policies = &iam.ListRolePoliciesOutput{}
	}
	attached, err := h.iam.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name})
	if ignoreNotFound(err) != nil {
		return err
	}
	if err != nil {
		attached = &iam.ListAttachedRolePoliciesOutput{}
	}
	steps := []func() error{
		func() error {
			return gone(h.iam.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: name, RoleName: name}))
		},
		func() error {
			return gone(h.iam.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: name}))
		},
	}
	for _, p := range policies.PolicyNames {
		steps = append(steps, func() error {
			return gone(h.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: &p}))
		})
	}
	for _, p := range attached.AttachedPolicies {
		steps = append(steps, func() error {
			return gone(h.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: p.PolicyArn}))
		})
	}
	if err := inTurn(steps...); err != nil {
		return err
	}
	return h.whenFree(ctx, rt, rec, func() error {
		_, err := h.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
		return err
	})
}

// retag keeps the tags of role and profile alike.
func (h *roles) retag(ctx context.Context, id string, set tagSet, remove []string) error {
	none := func(_ any, err error) error { return ignoreNotFound(err) }
	if len(set) > 0 {
		tags := set.iam()
		err := inTurn(
			func() error { _, err := h.iam.TagRole(ctx, &iam.TagRoleInput{RoleName: &id, Tags: tags}); return err },
			func() error {
				return none(h.iam.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: &id, Tags: tags}))
			},
		)
		if err != nil {
			return err
		}
	}
	if len(remove) == 0 {
		return nil
	}
	return inTurn(
		func() error {
			_, err := h.iam.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &id, TagKeys: remove})
			return err
		},
		func() error {
			return none(h.iam.UntagInstanceProfile(ctx, &iam.UntagInstanceProfileInput{InstanceProfileName: &id, TagKeys: remove}))
		},
	)
}
