package headwater;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.MetricsLevel;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * One worker of the Kinesis Client Library 3 on a data stream, as its users write them: reading by
 * polling, over HTTP/1.1.
 *
 * <p>Arguments: endpoint, stream, application, worker. Says the same lines as {@link Worker}.
 */
public final class DataStreamWorker {
  private DataStreamWorker() {}

  public static void main(String[] arguments) {
    URI endpoint = URI.create(arguments[0]);
    scheduler(endpoint, arguments[1], arguments[2], arguments[3]).run();
  }

  static Scheduler scheduler(
      URI endpoint, String stream, String application, String worker) {
    var kinesis =
        KinesisAsyncClient.builder()
            .endpointOverride(endpoint)
            .region(Worker.REGION)
            .credentialsProvider(Worker.CREDENTIALS)
            .httpClientBuilder(NettyNioAsyncHttpClient.builder().protocol(Protocol.HTTP1_1))
            .build();
    var tables =
        DynamoDbAsyncClient.builder()
            .endpointOverride(endpoint)
            .region(Worker.REGION)
            .credentialsProvider(Worker.CREDENTIALS)
            .build();
    var unused =
        CloudWatchAsyncClient.builder()
            .endpointOverride(endpoint)
            .region(Worker.REGION)
            .credentialsProvider(Worker.CREDENTIALS)
            .build();
    var start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
    var configs =
        new ConfigsBuilder(
            new SingleStreamTracker(stream, start),
            application,
            kinesis,
            tables,
            unused,
            worker,
            Processor::new);
    return new Scheduler(
        configs.checkpointConfig(),
        Worker.coordination(configs),
        Worker.leases(configs),
        configs.lifecycleConfig(),
        configs.metricsConfig().metricsLevel(MetricsLevel.NONE),
        configs.processorConfig(),
        configs.retrievalConfig()
            .retrievalSpecificConfig(
                new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(200)));
  }

  /** Prints records, whose data is a key and a count, and checkpoints behind them. */
  private static final class Processor implements ShardRecordProcessor {
    private String shard;

    @Override
    public void initialize(InitializationInput input) {
      shard = input.shardId();
      Worker.say("begin " + shard);
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
      for (var each : input.records()) {
        Worker.say("record " + shard + " " + StandardCharsets.UTF_8.decode(each.data()));
      }
      Worker.checkpoint(() -> input.checkpointer().checkpoint());
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
      Worker.say("lost " + shard);
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
      Worker.checkpoint(() -> input.checkpointer().checkpoint());
      Worker.say("end " + shard);
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
      Worker.checkpoint(() -> input.checkpointer().checkpoint());
    }
  }
}
