package api

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/iam"
)

// managedPolicy is a policy of the account's own.
type managedPolicy struct {
	ID, Name, Path, Description string
	Document                    string
	Created                     time.Time
	Tags                        tagSet
}

// awsPolicies are the AWS-managed policies that the lab knows, with what they allow as far as the lab has it.
func awsPolicies() map[string]string {
	allow := func(actions ...string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
	}
	return map[string]string{
		"arn:aws:iam::aws:policy/AdministratorAccess":                allow("*"),
		"arn:aws:iam::aws:policy/ReadOnlyAccess":                     allow("ec2:Describe*", "ec2:Get*", "elasticloadbalancing:Describe*", "iam:Get*", "iam:List*", "ssm:Describe*", "ssm:Get*", "ssm:List*"),
		"arn:aws:iam::aws:policy/AmazonEC2FullAccess":                allow("ec2:*", "elasticloadbalancing:*"),
		"arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess":            allow("ec2:Describe*", "ec2:Get*", "elasticloadbalancing:Describe*"),
		"arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore":       allow("ssm:GetParameter", "ssm:GetParameters", "ssm:UpdateInstanceInformation", "ssmmessages:*", "ec2messages:*"),
		"arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess":            allow("ssm:Describe*", "ssm:Get*", "ssm:List*"),
		"arn:aws:iam::aws:policy/AmazonSSMFullAccess":                allow("ssm:*"),
		"arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly": allow("ecr:Get*", "ecr:BatchGet*", "ecr:Describe*", "ecr:List*"),
		"arn:aws:iam::aws:policy/IAMReadOnlyAccess":                  allow("iam:Get*", "iam:List*"),
		"arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy":        allow("cloudwatch:PutMetricData", "logs:*", "ssm:GetParameter"),
	}
}

func (s *Server) policyARN(p *managedPolicy) string { return s.arn("iam", "policy"+p.Path+p.Name) }

func (s *Server) managedDocument(arn string) string {
	if p := s.policies.get(arn); p != nil {
		return p.Document
	}
	return awsPolicies()[arn]
}

func escapeDocument(doc string) string { return strings.ReplaceAll(url.QueryEscape(doc), "+", "%20") }

func (c *call) putRolePolicy(in *iam.PutRolePolicyRequest) (any, error) {
	if _, err := c.findRole(in.RoleName); err != nil {
		return nil, err
	}
	if err := checkIAMName("policyName", in.PolicyName, 128); err != nil {
		return nil, err
	}
	if _, err := parsePolicy(in.PolicyDocument, false); err != nil {
		return nil, err
	}
	if len(in.PolicyDocument) > 10240 {
		return nil, fail("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role %s", in.RoleName)
	}
	c.roles.update(in.RoleName, func(r *role) {
		r.Inline = slices.DeleteFunc(slices.Clone(r.Inline), func(p inlinePolicy) bool { return p.Name == in.PolicyName })
		r.Inline = append(r.Inline, inlinePolicy{in.PolicyName, in.PolicyDocument})
	})
	return nil, nil
}

func (c *call) inline(roleName, name string) (*role, int, error) {
	r, err := c.findRole(roleName)
	if err != nil {
		return nil, 0, err
	}
	i := slices.IndexFunc(r.Inline, func(p inlinePolicy) bool { return p.Name == name })
	if i < 0 {
		return nil, 0, fail("NoSuchEntity", "The role policy with name %s cannot be found.", printable(name))
	}
	return r, i, nil
}

func (c *call) getRolePolicy(in *iam.GetRolePolicyRequest) (any, error) {
	r, i, err := c.inline(in.RoleName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRolePolicyResponse{RoleName: r.Name, PolicyName: in.PolicyName, PolicyDocument: escapeDocument(r.Inline[i].Document)}, nil
}

func (c *call) deleteRolePolicy(in *iam.DeleteRolePolicyRequest) (any, error) {
	r, i, err := c.inline(in.RoleName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	c.roles.update(r.Name, func(r *role) { r.Inline = slices.Delete(slices.Clone(r.Inline), i, i+1) })
	return nil, nil
}

func (c *call) listRolePolicies(in *iam.ListRolePoliciesRequest) (any, error) {
	r, err := c.findRole(in.RoleName)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range r.Inline {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	names, more, marker, err := iamPage(names, in.MaxItems, in.Marker)
	return &iam.ListRolePoliciesResponse{PolicyNames: names, IsTruncated: new(more), Marker: marker}, err
}

func (c *call) attachRolePolicy(in *iam.AttachRolePolicyRequest) (any, error) {
	if _, err := c.findRole(in.RoleName); err != nil {
		return nil, err
	}
	if c.managedDocument(in.PolicyArn) == "" {
		return nil, noPolicy(in.PolicyArn)
	}
	c.roles.update(in.RoleName, func(r *role) {
		if !slices.Contains(r.Attached, in.PolicyArn) {
			r.Attached = append(slices.Clone(r.Attached), in.PolicyArn)
		}
	})
	return nil, nil
}

func noPolicy(arn string) error {
	return fail("NoSuchEntity", "Policy %s does not exist or is not attachable.", printable(arn))
}

func (c *call) detachRolePolicy(in *iam.DetachRolePolicyRequest) (any, error) {
	r, err := c.findRole(in.RoleName)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(r.Attached, in.PolicyArn) {
		return nil, fail("NoSuchEntity", "Policy %s was not found.", printable(in.PolicyArn))
	}
	c.roles.update(r.Name, func(r *role) {
		r.Attached = slices.DeleteFunc(slices.Clone(r.Attached), func(a string) bool { return a == in.PolicyArn })
	})
	return nil, nil
}

func (c *call) listAttachedRolePolicies(in *iam.ListAttachedRolePoliciesRequest) (any, error) {
	r, err := c.findRole(in.RoleName)
	if err != nil {
		return nil, err
	}
	rows := []iam.AttachedPolicy{}
	for _, arn := range r.Attached {
		rows = append(rows, iam.AttachedPolicy{PolicyArn: arn, PolicyName: arn[strings.LastIndexByte(arn, '/')+1:]})
	}
	rows, more, marker, err := iamPage(rows, in.MaxItems, in.Marker)
	return &iam.ListAttachedRolePoliciesResponse{AttachedPolicies: rows, IsTruncated: new(more), Marker: marker}, err
}

func (c *call) renderPolicy(p *managedPolicy) *iam.Policy {
	n := int64(0)
	arn := c.policyARN(p)
	for r := range c.roles.all() {
		if slices.Contains(r.Attached, arn) {
			n++
		}
	}
	return &iam.Policy{
		PolicyName: p.Name, PolicyId: p.ID, Arn: arn, Path: p.Path, Description: p.Description, DefaultVersionId: "v1", AttachmentCount: new(n),
		IsAttachable: new(true), CreateDate: new(p.Created), UpdateDate: new(p.Created), Tags: p.Tags.iam(), PermissionsBoundaryUsageCount: new(int64(0)),
	}
}

func (c *call) createPolicy(in *iam.CreatePolicyRequest) (any, error) {
	if err := checkIAMName("policyName", in.PolicyName, 128); err != nil {
		return nil, err
	}
	path, err := checkPath(in.Path)
	if err != nil {
		return nil, err
	}
	if _, err := parsePolicy(in.PolicyDocument, false); err != nil {
		return nil, err
	}
	tags, err := iamTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := &managedPolicy{ID: "ANPA" + randomUpper(c.ids, 17), Name: in.PolicyName, Path: path, Description: in.Description, Document: in.PolicyDocument, Created: c.db.now.UTC().Truncate(time.Second), Tags: tagSet(nil).with(tags)}
	arn := c.policyARN(p)
	if c.policies.get(arn) != nil {
		return nil, fail("EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", p.Name)
	}
	c.policies.put(arn, p)
	return &iam.CreatePolicyResponse{Policy: c.renderPolicy(p)}, nil
}

// findPolicy finds a policy of the account or one of AWS.
func (c *call) findPolicy(arn string) (*managedPolicy, error) {
	if p := c.policies.get(arn); p != nil {
		return p, nil
	}
	if doc, ok := awsPolicies()[arn]; ok {
		name := arn[strings.LastIndexByte(arn, '/')+1:]
		return &managedPolicy{ID: "ANPA" + strings.ToUpper(name), Name: name, Path: "/", Document: doc, Created: time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
	}
	return nil, fail("NoSuchEntity", "Policy %s was not found.", printable(arn))
}

func (c *call) getPolicy(in *iam.GetPolicyRequest) (any, error) {
	p, err := c.findPolicy(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	out := c.renderPolicy(p)
	out.Arn = in.PolicyArn
	return &iam.GetPolicyResponse{Policy: out}, nil
}

func (c *call) getPolicyVersion(in *iam.GetPolicyVersionRequest) (any, error) {
	p, err := c.findPolicy(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if in.VersionId != "v1" {
		return nil, fail("NoSuchEntity", "Policy %s version %s does not exist or is not attachable.", in.PolicyArn, printable(in.VersionId))
	}
	return &iam.GetPolicyVersionResponse{PolicyVersion: &iam.PolicyVersion{
		VersionId: "v1", IsDefaultVersion: new(true), Document: escapeDocument(p.Document), CreateDate: new(p.Created),
	}}, nil
}

func (c *call) listPolicyVersions(in *iam.ListPolicyVersionsRequest) (any, error) {
	p, err := c.findPolicy(in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyVersionsResponse{Versions: []iam.PolicyVersion{{VersionId: "v1", IsDefaultVersion: new(true), CreateDate: new(p.Created)}}, IsTruncated: new(false)}, nil
}

func (c *call) deletePolicy(in *iam.DeletePolicyRequest) (any, error) {
	p := c.policies.get(in.PolicyArn)
	if p == nil {
		return nil, fail("NoSuchEntity", "Policy %s was not found.", printable(in.PolicyArn))
	}
	if c.roles.any(func(r *role) bool { return slices.Contains(r.Attached, in.PolicyArn) }) {
		return nil, fail("DeleteConflict", "Cannot delete a policy attached to entities.")
	}
	c.policies.delete(in.PolicyArn)
	return nil, nil
}

func (c *call) listPolicies(in *iam.ListPoliciesRequest) (any, error) {
	rows := []iam.Policy{}
	if in.Scope != "AWS" {
		for p := range c.policies.all() {
			rows = append(rows, *c.renderPolicy(p))
		}
	}
	if in.Scope != "Local" {
		for arn := range awsPolicies() {
			p, err := c.findPolicy(arn)
			if err != nil {
				return nil, err
			}
			x := c.renderPolicy(p)
			x.Arn = arn
			rows = append(rows, *x)
		}
	}
	slices.SortFunc(rows, func(a, b iam.Policy) int { return strings.Compare(a.Arn, b.Arn) })
	rows, more, marker, err := iamPage(rows, in.MaxItems, in.Marker)
	return &iam.ListPoliciesResponse{Policies: rows, IsTruncated: new(more), Marker: marker}, err
}
