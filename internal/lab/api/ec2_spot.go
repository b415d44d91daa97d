package api

import (
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// spotRequest is the one-time spot request behind a spot instance.
type spotRequest struct {
	ID       string
	Instance string
	State    string // active, closed, cancelled
	Code     string // of the status
	Price    string
	Created  time.Time
	Changed  time.Time
}

func (c *call) makeSpot(i *instance, o *order) string {
	price := o.spot.MaxPrice
	if price == "" {
		price = "0.100000"
	}
	r := &spotRequest{ID: c.newID("sir"), Instance: i.ID, State: "active", Code: "fulfilled", Price: price, Created: c.db.now, Changed: c.db.now}
	c.spots.put(r.ID, r)
	c.setTags(r.ID, o.tags["spot-instances-request"])
	return r.ID
}

// closeSpot ends the request of an instance that is terminated.
func (s *Server) closeSpot(i *instance) {
	s.spots.update(i.Spot, func(r *spotRequest) {
		r.Changed = s.db.now
		if r.State == "active" {
			r.State = "closed"
		}
		r.Code = "instance-terminated-by-user"
		if i.Code == "Server.SpotInstanceTermination" {
			r.Code = "instance-terminated-no-capacity"
		}
	})
}

const defaultSpotNotice = 2 * time.Minute

// interruptSpot gives notice to a spot instance.
func (s *Server) interruptSpot(i *instance) {
	notice := time.Duration(s.faults.SpotNotice)
	if notice == 0 {
		notice = defaultSpotNotice
	}
	end := s.db.now.Add(notice)
	s.instances.update(i.ID, func(i *instance) { i.SpotNotice, i.SpotEnd = s.db.now, end })
	s.spots.update(i.Spot, func(r *spotRequest) { r.Code, r.Changed = "marked-for-termination", s.db.now })
	s.schedule(end, "spot", i.ID)
}

func (s *Server) spotDue(id string) {
	i := s.instances.get(id)
	if i == nil || i.SpotEnd.IsZero() || s.db.now.Before(i.SpotEnd) {
		return
	}
	if i.State == stateRunning || i.State == statePending {
		s.beginTermination(id, "Server.SpotInstanceTermination", "Server.SpotInstanceTermination: Spot instance termination")
	}
}

func (c *call) renderSpot(r *spotRequest) ec2.SpotInstanceRequest {
	out := ec2.SpotInstanceRequest{
		SpotInstanceRequestId: r.ID, InstanceId: r.Instance, State: r.State, Type: "one-time", SpotPrice: r.Price, CreateTime: new(r.Created),
		ProductDescription: "Linux/UNIX", InstanceInterruptionBehavior: "terminate", Tags: c.tagsSeen(r.ID).ec2(),
		Status: &ec2.SpotInstanceStatus{Code: r.Code, Message: r.Code, UpdateTime: new(r.Changed)},
	}
	if i := c.instances.get(r.Instance); i != nil {
		l := c.launchOf(i)
		out.LaunchedAvailabilityZone = i.Zone
		out.LaunchSpecification = &ec2.LaunchSpecification{ImageId: l.Image, InstanceType: l.Type, KeyName: l.Key, SubnetId: i.Subnet}
	}
	return out
}

func (c *call) describeSpotInstanceRequests(in *ec2.DescribeSpotInstanceRequestsRequest) (any, error) {
	rows, next, err := list(c.s, listing[spotRequest]{
		table: c.spots, kind: spotID, ids: in.SpotInstanceRequestIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		id: func(r *spotRequest) string { return r.ID },
		set: filterSet[spotRequest]{
			"spot-instance-request-id": func(r *spotRequest, is func(string) bool) bool { return is(r.ID) },
			"instance-id":              func(r *spotRequest, is func(string) bool) bool { return is(r.Instance) },
			"state":                    func(r *spotRequest, is func(string) bool) bool { return is(r.State) },
			"status-code":              func(r *spotRequest, is func(string) bool) bool { return is(r.Code) },
			"type":                     func(_ *spotRequest, is func(string) bool) bool { return is("one-time") },
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSpotInstanceRequestsResult{SpotInstanceRequests: make([]ec2.SpotInstanceRequest, 0, len(rows)), NextToken: next}
	for _, r := range rows {
		out.SpotInstanceRequests = append(out.SpotInstanceRequests, c.renderSpot(r))
	}
	return out, nil
}

func (c *call) cancelSpotInstanceRequests(in *ec2.CancelSpotInstanceRequestsRequest) (any, error) {
	out := &ec2.CancelSpotInstanceRequestsResult{}
	for _, id := range in.SpotInstanceRequestIds {
		if _, err := find(c.spots, spotID, id); err != nil {
			return nil, err
		}
	}
	for _, id := range in.SpotInstanceRequestIds {
		r := c.spots.update(id, func(r *spotRequest) {
			if r.State == "active" {
				r.State, r.Code, r.Changed = "cancelled", "request-canceled-and-instance-running", c.db.now
			}
		})
		if r != nil {
			out.CancelledSpotInstanceRequests = append(out.CancelledSpotInstanceRequests, ec2.CancelledSpotInstanceRequest{SpotInstanceRequestId: id, State: r.State})
		}
	}
	return out, nil
}
