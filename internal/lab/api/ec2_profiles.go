package api

import (
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// profileFor finds the instance profile that a launch names; a new one may not be known to EC2 yet.
func (c *call) profileFor(in *ec2.IamInstanceProfileSpecification) (string, error) {
	if in == nil || in.Name == "" && in.Arn == "" {
		return "", nil
	}
	name, shown := in.Name, "Invalid IAM Instance Profile name"
	if in.Arn != "" {
		if in.Name != "" {
			return "", fail("InvalidParameterCombination", "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'")
		}
		shown = "Invalid IAM Instance Profile ARN"
		name = in.Arn[strings.LastIndexByte(in.Arn, '/')+1:]
	}
	p := c.profiles.get(name)
	if p == nil || in.Arn != "" && c.profileARN(p) != in.Arn || c.db.now.Before(p.KnownAt) {
		return "", fail("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile.%s is invalid. %s", in.Name+in.Arn, strings.ToLower(shown[strings.LastIndexByte(shown, ' ')+1:]), shown)
	}
	if p.Role == "" {
		return "", fail("InvalidParameterValue", "IAM Instance Profile \"%s\" has no associated IAM Roles", c.profileARN(p))
	}
	return name, nil
}

func (c *call) renderProfileAssociation(i *instance, state string) *ec2.IamInstanceProfileAssociation {
	out := &ec2.IamInstanceProfileAssociation{AssociationId: i.Profile.ID, InstanceId: i.ID, State: state}
	if p := c.profiles.get(i.Profile.Profile); p != nil {
		out.IamInstanceProfile = &ec2.IamInstanceProfile{Arn: c.profileARN(p), Id: p.ID}
	}
	return out
}

func (c *call) associateIamInstanceProfile(in *ec2.AssociateIamInstanceProfileRequest) (any, error) {
	if _, err := find(c.instances, instanceID, in.InstanceId); err != nil {
		return nil, err
	}
	i := c.instances.get(in.InstanceId)
	if i.State != stateRunning && i.State != stateStopped && i.State != statePending {
		return nil, fail("IncorrectInstanceState", "The instance '%s' is %s.", i.ID, i.State)
	}
	if i.Profile.ID != "" {
		return nil, fail("IncorrectState", "There is an existing association for instance %s", i.ID)
	}
	name, err := c.profileFor(in.IamInstanceProfile)
	if err != nil {
		return nil, err
	}
	i = c.instances.update(i.ID, func(i *instance) { i.Profile = profileAssociation{ID: c.newID("iip-assoc"), Profile: name} })
	return &ec2.AssociateIamInstanceProfileResult{IamInstanceProfileAssociation: c.renderProfileAssociation(i, "associating")}, nil
}

func (c *call) byAssociation(id string) (*instance, error) {
	for i := range c.instances.all() {
		if i.Profile.ID == id && id != "" && i.live() {
			return i, nil
		}
	}
	return nil, fail("NoSuchAssociation", "An invalid association-id of '%s' was given", id)
}

func (c *call) disassociateIamInstanceProfile(in *ec2.DisassociateIamInstanceProfileRequest) (any, error) {
	i, err := c.byAssociation(in.AssociationId)
	if err != nil {
		return nil, err
	}
	out := c.renderProfileAssociation(i, "disassociating")
	c.instances.update(i.ID, func(i *instance) { i.Profile = profileAssociation{} })
	return &ec2.DisassociateIamInstanceProfileResult{IamInstanceProfileAssociation: out}, nil
}

func (c *call) replaceIamInstanceProfileAssociation(in *ec2.ReplaceIamInstanceProfileAssociationRequest) (any, error) {
	i, err := c.byAssociation(in.AssociationId)
	if err != nil {
		return nil, err
	}
	name, err := c.profileFor(in.IamInstanceProfile)
	if err != nil {
		return nil, err
	}
	i = c.instances.update(i.ID, func(i *instance) { i.Profile = profileAssociation{ID: c.newID("iip-assoc"), Profile: name} })
	return &ec2.ReplaceIamInstanceProfileAssociationResult{IamInstanceProfileAssociation: c.renderProfileAssociation(i, "associating")}, nil
}

func (c *call) describeIamInstanceProfileAssociations(in *ec2.DescribeIamInstanceProfileAssociationsRequest) (any, error) {
	m, err := compile(c.s, in.Filters, filterSet[instance]{
		"instance-id": func(i *instance, is func(string) bool) bool { return is(i.ID) },
		"state":       func(_ *instance, is func(string) bool) bool { return is("associated") },
	}, nil)
	if err != nil {
		return nil, err
	}
	wanted := anyOf(in.AssociationIds)
	l := listing[instance]{kind: idKind{prefix: "iip-assoc"}, filters: in.Filters, max: in.MaxResults, token: in.NextToken}
	limit, after, bound, err := l.page()
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeIamInstanceProfileAssociationsResult{IamInstanceProfileAssociations: []ec2.IamInstanceProfileAssociation{}}
	last := after
	for seq, i := range c.instances.after(after) {
		if i.Profile.ID == "" || !i.live() || !m.match(i) || len(in.AssociationIds) > 0 && !wanted(i.Profile.ID) {
			continue
		}
		if len(out.IamInstanceProfileAssociations) == limit {
			out.NextToken = pageToken(last, bound)
			break
		}
		last = seq
		x := c.renderProfileAssociation(i, "associated")
		x.Timestamp = new(i.LaunchTime)
		out.IamInstanceProfileAssociations = append(out.IamInstanceProfileAssociations, *x)
	}
	return out, nil
}

// profileKnownAt decides from when on EC2 knows a new instance profile.
func (s *Server) profileKnownAt() time.Time {
	if s.faults.IAMPropagation <= 0 {
		return s.db.now
	}
	return s.db.now.Add(Range{Max: s.faults.IAMPropagation}.pick(s.luck))
}
