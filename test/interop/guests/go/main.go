// A client of Herald on grpc-go, made of the descriptors alone. It says what it met as lines of JSON: see Guests.test.ts.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const service = "herald.distribution.v1.DistributionService"

var methods protoreflect.MethodDescriptors

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func say(fact string, value any) {
	line, err := json.Marshal(map[string]any{"fact": fact, "value": value})
	must(err)
	fmt.Println(string(line))
}

func message(of protoreflect.MessageDescriptor, text string) proto.Message {
	made := dynamicpb.NewMessage(of)
	must(protojson.Unmarshal([]byte(text), made))
	return made
}

func field(of proto.Message, name string) protoreflect.Value {
	m := of.ProtoReflect()
	return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name)))
}

func unary(ctx context.Context, conn *grpc.ClientConn, method, request string, trailer *metadata.MD) (proto.Message, error) {
	described := methods.ByName(protoreflect.Name(method))
	answer := dynamicpb.NewMessage(described.Output())
	err := conn.Invoke(ctx, "/"+service+"/"+method, message(described.Input(), request), answer, grpc.Trailer(trailer))
	return answer, err
}

type stream struct {
	grpc.ClientStream
	described protoreflect.MethodDescriptor
}

func subscribe(ctx context.Context, conn *grpc.ClientConn, instance string) stream {
	described := methods.ByName("Subscribe")
	opened, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/"+service+"/Subscribe")
	must(err)
	made := stream{opened, described}
	made.send(fmt.Sprintf(`{"serviceName":"guests","instanceId":%q,"control":true,"keys":["guests"]}`, instance))
	return made
}

func (s stream) send(text string) { must(s.SendMsg(message(s.described.Input(), text))) }

func (s stream) next() (proto.Message, error) {
	answer := dynamicpb.NewMessage(s.described.Output())
	return answer, s.RecvMsg(answer)
}

// Content of the next value; it is answered.
func (s stream) value() (string, error) {
	for {
		update, err := s.next()
		if err != nil {
			return "", err
		}
		if field(update, "key").String() == "" {
			continue
		}
		s.send(fmt.Sprintf(`{"acks":[{"key":"guests","revision":%d,"outcome":"ACK_OUTCOME_APPLIED"}]}`, field(update, "revision").Uint()))
		return string(field(update, "content").Bytes()), nil
	}
}

func talk(conn *grpc.ClientConn, token string) {
	plain := metadata.AppendToOutgoingContext(context.Background(), "x-long", strings.Repeat("long ", 1200), "x-bytes-bin", "\x00\xff\x80")
	ctx := metadata.AppendToOutgoingContext(plain, "authorization", "Bearer "+token)

	health, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: service})
	must(err)
	say("health", health.Status.String())

	asking, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	must(err)
	must(asking.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{ListServices: "*"}}))
	listed, err := asking.Recv()
	must(err)
	shown := false
	for _, one := range listed.GetListServicesResponse().Service {
		shown = shown || one.Name == service
	}
	say("reflection", shown)
	must(asking.CloseSend())

	var trailer metadata.MD
	beat, err := unary(ctx, conn, "Heartbeat", `{"serviceName":"guests","instanceId":"go"}`, &trailer)
	must(err)
	say("heartbeat", field(beat, "server_time_ms").Int() > 0)
	_, err = unary(ctx, conn, "ReportHealth", `{}`, &trailer)
	say("refused", map[string]any{"code": int(status.Code(err)), "herald": trailer.Get("herald-code")[0], "message": status.Convert(err).Message()})
	_, err = unary(plain, conn, "Heartbeat", `{}`, &trailer)
	say("stranger", int(status.Code(err)))
	err = conn.Invoke(ctx, "/"+service+"/Nothing", beat, beat)
	say("unknown", int(status.Code(err)))

	soon, done := context.WithTimeout(ctx, 300*time.Millisecond)
	late := subscribe(soon, conn, "go-late")
	for err = nil; err == nil; _, err = late.next() {
	}
	done()
	say("late", int(status.Code(err)))

	open := subscribe(ctx, conn, "go")
	for {
		value, err := open.value()
		must(err)
		say("value", []any{len(value), value[:min(len(value), 20)]})
		if value == "end" {
			break
		}
	}
	must(open.CloseSend())
	for err = nil; err == nil; _, err = open.next() {
	}
	if err == io.EOF {
		err = nil
	}
	say("ended", int(status.Code(err)))
}

// Hears of every update until there is one that says "end". grpc-go estimates bandwidth by a ping after what it was sent.
func listen(conn *grpc.ClientConn, token string) {
	open := subscribe(metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+token), conn, "go")
	heard := 0
	for {
		value, err := open.value()
		must(err)
		if heard == 0 {
			say("live", true)
		}
		heard++
		if value == "end" {
			say("heard", heard)
			return
		}
	}
}

func main() {
	mode, address, token, ca := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	described, err := os.ReadFile(os.Args[5])
	must(err)
	set := new(descriptorpb.FileDescriptorSet)
	must(proto.Unmarshal(described, set))
	files, err := protodesc.NewFiles(set)
	must(err)
	found, err := files.FindDescriptorByName(service)
	must(err)
	methods = found.(protoreflect.ServiceDescriptor).Methods()

	secured := insecure.NewCredentials()
	if ca != "-" {
		pem, err := os.ReadFile(ca)
		must(err)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		secured = credentials.NewTLS(&tls.Config{RootCAs: roots})
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(secured),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, PermitWithoutStream: true}))
	must(err)
	if mode == "listen" {
		listen(conn, token)
	} else {
		talk(conn, token)
	}
	must(conn.Close())
}
