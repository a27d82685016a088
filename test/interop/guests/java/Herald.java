import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.util.JsonFormat;
import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Channel;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.File;
import java.io.FileInputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A client of Herald on grpc-java, made of the descriptors alone. It says what it met as lines of JSON: see Guests.test.ts. */
public final class Herald {
  static final String SERVICE = "herald.distribution.v1.DistributionService";
  static ServiceDescriptor described;

  static void say(String fact, String json) {
    System.out.println("{\"fact\":\"" + fact + "\",\"value\":" + json + "}");
  }

  static String quoted(String text) {
    return new com.google.gson.Gson().toJson(text);
  }

  static DynamicMessage message(Descriptor of, String json) throws Exception {
    DynamicMessage.Builder made = DynamicMessage.newBuilder(of);
    JsonFormat.parser().merge(json, made);
    return made.build();
  }

  static Object field(DynamicMessage of, String name) {
    return of.getField(of.getDescriptorForType().findFieldByName(name));
  }

  static MethodDescriptor<DynamicMessage, DynamicMessage> method(String name, String path, MethodDescriptor.MethodType type) {
    com.google.protobuf.Descriptors.MethodDescriptor found = described.findMethodByName(name);
    return MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
        .setType(type)
        .setFullMethodName(SERVICE + "/" + path)
        .setRequestMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(found.getInputType())))
        .setResponseMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(found.getOutputType())))
        .build();
  }

  static DynamicMessage unary(Channel channel, String name, String path, String json) throws Exception {
    return ClientCalls.blockingUnaryCall(channel, method(name, path, MethodDescriptor.MethodType.UNARY), CallOptions.DEFAULT,
        message(described.findMethodByName(name).getInputType(), json));
  }

  static final class Subscription implements StreamObserver<DynamicMessage> {
    /** Updates, and the status at last. */
    final BlockingQueue<Object> got = new LinkedBlockingQueue<>();
    final StreamObserver<DynamicMessage> sent;

    Subscription(Channel channel, String instance, CallOptions options) throws Exception {
      sent = ClientCalls.asyncBidiStreamingCall(
          channel.newCall(method("Subscribe", "Subscribe", MethodDescriptor.MethodType.BIDI_STREAMING), options), this);
      send("{\"serviceName\":\"guests\",\"instanceId\":\"" + instance + "\",\"control\":true,\"keys\":[\"guests\"]}");
    }

    void send(String json) throws Exception {
      sent.onNext(message(described.findMethodByName("Subscribe").getInputType(), json));
    }

    String value() throws Exception {
      for (;;) {
        Object next = got.take();
        if (next instanceof Status) throw ((Status) next).asRuntimeException();
        DynamicMessage update = (DynamicMessage) next;
        if (field(update, "key").equals("")) continue;
        send("{\"acks\":[{\"key\":\"guests\",\"revision\":" + field(update, "revision") + ",\"outcome\":\"ACK_OUTCOME_APPLIED\"}]}");
        return ((ByteString) field(update, "content")).toStringUtf8();
      }
    }

    int end() throws Exception {
      for (;;) {
        Object next = got.take();
        if (next instanceof Status) return ((Status) next).getCode().value();
      }
    }

    @Override public void onNext(DynamicMessage update) { got.add(update); }
    @Override public void onError(Throwable error) { got.add(Status.fromThrowable(error)); }
    @Override public void onCompleted() { got.add(Status.OK); }
  }

  static Channel with(Channel channel, Map<String, String> headers) {
    Metadata metadata = new Metadata();
    headers.forEach((name, value) -> metadata.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value));
    metadata.put(Metadata.Key.of("x-bytes-bin", Metadata.BINARY_BYTE_MARSHALLER), new byte[] {0, -1, -128});
    return ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(metadata));
  }

  static int codeOf(Channel channel, String path) throws Exception {
    try {
      unary(channel, "Heartbeat", path, "{}");
      return 0;
    } catch (StatusRuntimeException error) {
      return error.getStatus().getCode().value();
    }
  }

  public static void main(String[] args) throws Exception {
    List<FileDescriptor> files = new ArrayList<>();
    for (FileDescriptorProto one : FileDescriptorSet.parseFrom(new FileInputStream(args[3])).getFileList())
      files.add(FileDescriptor.buildFrom(one, files.toArray(new FileDescriptor[0]), true));
    for (FileDescriptor file : files)
      for (ServiceDescriptor service : file.getServices()) if (service.getFullName().equals(SERVICE)) described = service;

    ChannelCredentials credentials = args[2].equals("-")
        ? InsecureChannelCredentials.create()
        : TlsChannelCredentials.newBuilder().trustManager(new File(args[2])).build();
    ManagedChannel channel = Grpc.newChannelBuilder(args[0], credentials).keepAliveTime(10, TimeUnit.SECONDS).build();
    String longText = "long ".repeat(1200).strip();
    Channel plain = with(channel, Map.of("x-long", longText));
    Channel known = with(channel, Map.of("x-long", longText, "authorization", "Bearer " + args[1]));

    say("health", quoted(HealthGrpc.newBlockingStub(known)
        .check(HealthCheckRequest.newBuilder().setService(SERVICE).build()).getStatus().name()));

    BlockingQueue<ServerReflectionResponse> listed = new LinkedBlockingQueue<>();
    StreamObserver<ServerReflectionRequest> asking = ServerReflectionGrpc.newStub(known)
        .serverReflectionInfo(new StreamObserver<ServerReflectionResponse>() {
          @Override public void onNext(ServerReflectionResponse answer) { listed.add(answer); }
          @Override public void onError(Throwable error) { error.printStackTrace(); }
          @Override public void onCompleted() {}
        });
    asking.onNext(ServerReflectionRequest.newBuilder().setListServices("*").build());
    say("reflection", String.valueOf(listed.take().getListServicesResponse().getServiceList().stream()
        .anyMatch(one -> one.getName().equals(SERVICE))));
    asking.onCompleted();

    DynamicMessage beat = unary(known, "Heartbeat", "Heartbeat", "{\"serviceName\":\"guests\",\"instanceId\":\"java\"}");
    say("heartbeat", String.valueOf((Long) field(beat, "server_time_ms") > 0));
    try {
      unary(known, "ReportHealth", "ReportHealth", "{}");
    } catch (StatusRuntimeException error) {
      String herald = error.getTrailers().get(Metadata.Key.of("herald-code", Metadata.ASCII_STRING_MARSHALLER));
      say("refused", "{\"code\":" + error.getStatus().getCode().value() + ",\"herald\":" + quoted(herald)
          + ",\"message\":" + quoted(error.getStatus().getDescription()) + "}");
    }
    say("stranger", String.valueOf(codeOf(plain, "Heartbeat")));
    say("unknown", String.valueOf(codeOf(known, "Nothing")));
    say("late", String.valueOf(
        new Subscription(known, "java-late", CallOptions.DEFAULT.withDeadlineAfter(300, TimeUnit.MILLISECONDS)).end()));

    Subscription open = new Subscription(known, "java", CallOptions.DEFAULT);
    for (String value = ""; !value.equals("end"); ) {
      value = open.value();
      say("value", "[" + value.length() + "," + quoted(value.substring(0, Math.min(20, value.length()))) + "]");
    }
    open.sent.onCompleted();
    say("ended", String.valueOf(open.end()));
    channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
  }
}
