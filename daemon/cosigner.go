package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/call"
)

// The heap may grow by gcPercent of what is in use before it is collected, hosts being small, and
// by as much of headroom: else the few MB of a young process are collected many times a second.
// Headroom is memory that is never touched, so that it is not resident, and counts as in use. A
// larger percentage would cost a process that holds much more than it may have; a soft limit would
// have one that outgrows it do nothing but collect.
const (
	gcPercent = 50
	headroom  = 12 << 20
)

// dataAccess is what each role may call on the data port. Administration is on a port of its own.
func dataAccess() cluster.Access {
	access := cluster.Access{
		cosignerv1.SignerService_Sign_FullMethodName:             {cluster.Node},
		cosignerv1.SignerService_RegisterTLSPoint_FullMethodName: {cluster.Node},
		cosignerv1.ClaimService_Claim_FullMethodName:             {cluster.Node},
		cosignerv1.PingService_Ping_FullMethodName:               {cluster.Node},
		cosignerv1.CustodyService_Start_FullMethodName:           {cluster.Node},
		cosignerv1.CustodyService_Piece_FullMethodName:           {cluster.Node},
	}
	for _, method := range call.Methods() {
		access[method] = append(access[method], cluster.Cosigner)
	}
	return access
}

var adminAccess = cluster.Access{
	cosignerv1.AdminService_Status_FullMethodName:          {cluster.Operator},
	cosignerv1.AdminService_Activate_FullMethodName:        {cluster.Operator},
	cosignerv1.AdminService_SetMode_FullMethodName:         {cluster.Operator},
	cosignerv1.AdminService_Suspend_FullMethodName:         {cluster.Operator},
	cosignerv1.AdminService_Hold_FullMethodName:            {cluster.Operator},
	cosignerv1.AdminService_Resume_FullMethodName:          {cluster.Operator},
	cosignerv1.AdminService_History_FullMethodName:         {cluster.Operator},
	cosignerv1.AdminService_SetFloor_FullMethodName:        {cluster.Operator},
	cosignerv1.AdminService_ResetHeights_FullMethodName:    {cluster.Operator},
	cosignerv1.AdminService_SetInstance_FullMethodName:     {cluster.Operator},
	cosignerv1.AdminService_ExportWatermark_FullMethodName: {cluster.Operator},
}

// RunCosigner runs a cosigner until ctx ends; then it hands over and stops.
func RunCosigner(ctx context.Context, f *CosignerFile, o Options) (err error) {
	debug.SetGCPercent(gcPercent)
	untouched := make([]byte, headroom)
	defer runtime.KeepAlive(untouched)
	self, err := f.Host()
	if err != nil {
		return err
	}
	entry, ok := self.Cluster.Cosigner(f.Name)
	if !ok {
		return fmt.Errorf("%q is not a cosigner in the cluster file", f.Name)
	}
	keys, err := f.keyring(self.Cluster)
	if err != nil {
		return err
	}
	piece, err := f.piece(self.Cluster)
	if err != nil {
		return err
	}
	ports, err := f.bind(entry)
	if err != nil {
		return err
	}
	defer ports.close()
	p, err := openProcess(self, f, ports.raft, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	v := newValidator(p, keys)
	v.openCustodian(piece)
	o.Logger.Info().Str("cosigner", f.Name).Str("version", o.Version).Str("address", ports.data.Addr().String()).
		Hex("split", keys.Split()).Msg("cosigner is up")
	if keys.Empty() {
		o.Logger.Info().Bool("share_set", f.Share != "").Msg("all nodes of the cluster file are stock: this cosigner " +
			"attests, and gives no share and no signature")
	}
	return v.run(ctx, f, ports)
}
