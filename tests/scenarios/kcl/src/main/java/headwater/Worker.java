package headwater;

import com.amazonaws.services.dynamodbv2.streamsadapter.AmazonDynamoDBStreamsAdapterClient;
import com.amazonaws.services.dynamodbv2.streamsadapter.StreamsSchedulerFactory;
import com.amazonaws.services.dynamodbv2.streamsadapter.adapter.DynamoDBStreamsClientRecord;
import com.amazonaws.services.dynamodbv2.streamsadapter.model.DynamoDBStreamsProcessRecordsInput;
import com.amazonaws.services.dynamodbv2.streamsadapter.polling.DynamoDBStreamsPollingConfig;
import com.amazonaws.services.dynamodbv2.streamsadapter.processor.DynamoDBStreamsShardRecordProcessor;
import java.net.URI;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.streams.DynamoDbStreamsClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.CoordinatorConfig;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.MetricsLevel;
import software.amazon.kinesis.processor.ShardRecordProcessorFactory;

/**
 * One worker of the Kinesis Client Library 3 on a DynamoDB stream, as its users write them.
 *
 * <p>Arguments: endpoint, stream ARN, application, worker; with none, this and {@link
 * DataStreamWorker} are made ready and not run, so that Java can archive their classes for a quicker
 * start. Says on its output what happens, a line each: {@code begin SHARD}, {@code record SHARD KEY
 * N}, {@code end SHARD}, {@code lost SHARD}. The library's waits are shortened, which is all that
 * differs from its defaults; no metrics are sent.
 */
public final class Worker {
  static final Region REGION = Region.US_EAST_1;
  static final AwsCredentialsProvider CREDENTIALS =
      StaticCredentialsProvider.create(AwsBasicCredentials.create("any", "any"));

  private Worker() {}

  public static void main(String[] arguments) {
    if (arguments.length == 0) {
      String stream = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-11-23T12:34:56.789";
      URI nowhere = URI.create("http://127.0.0.1:9");
      scheduler(nowhere, stream, "application", "worker");
      DataStreamWorker.scheduler(nowhere, "stream", "application", "worker");
      System.exit(0);
    }
    URI endpoint = URI.create(arguments[0]);
    scheduler(endpoint, arguments[1], arguments[2], arguments[3]).run();
  }

  private static Scheduler scheduler(
      URI endpoint, String stream, String application, String worker) {
    var streams =
        new AmazonDynamoDBStreamsAdapterClient(
            DynamoDbStreamsClient.builder()
                .endpointOverride(endpoint)
                .region(REGION)
                .credentialsProvider(CREDENTIALS)
                .build(),
            REGION);
    var tables =
        DynamoDbAsyncClient.builder()
            .endpointOverride(endpoint)
            .region(REGION)
            .credentialsProvider(CREDENTIALS)
            .build();
    var unused =
        CloudWatchAsyncClient.builder()
            .endpointOverride(endpoint)
            .region(REGION)
            .credentialsProvider(CREDENTIALS)
            .build();
    var start = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
    var tracker = StreamsSchedulerFactory.createSingleStreamTracker(stream, start);
    ShardRecordProcessorFactory processors = Processor::new;
    var configs =
        new ConfigsBuilder(tracker, application, streams, tables, unused, worker, processors);
    return StreamsSchedulerFactory.createScheduler(
        configs.checkpointConfig(),
        coordination(configs),
        leases(configs),
        configs.lifecycleConfig(),
        configs.metricsConfig().metricsLevel(MetricsLevel.NONE),
        configs.processorConfig(),
        configs.retrievalConfig()
            .retrievalSpecificConfig(
                new DynamoDBStreamsPollingConfig(streams).idleTimeBetweenReadsInMillis(200)),
        streams);
  }

  static CoordinatorConfig coordination(ConfigsBuilder configs) {
    return configs.coordinatorConfig()
        .parentShardPollIntervalMillis(200)
        .shardConsumerDispatchPollIntervalMillis(200);
  }

  static LeaseManagementConfig leases(ConfigsBuilder configs) {
    var leases = configs.leaseManagementConfig();
    leases
        .workerUtilizationAwareAssignmentConfig()
        .inMemoryWorkerMetricsCaptureFrequencyMillis(500)
        .varianceBalancingFrequency(1)
        .workerMetricsReporterFreqInMillis(3000); // a worker silent for twice as long is dead
    return leases
        .failoverTimeMillis(4000)
        .leaseAssignmentIntervalMillis(1000L)
        .shardSyncIntervalMillis(1000);
  }

  static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  static void checkpoint(Checkpoint step) {
    try {
      step.run();
    } catch (ShutdownException | InvalidStateException error) {
      say("unstored " + error);
    }
  }

  /** Prints records and checkpoints behind them. */
  private static final class Processor implements DynamoDBStreamsShardRecordProcessor {
    private String shard;

    @Override
    public void initialize(InitializationInput input) {
      shard = input.shardId();
      say("begin " + shard);
    }

    @Override
    public void processRecords(DynamoDBStreamsProcessRecordsInput input) {
      for (DynamoDBStreamsClientRecord each : input.records()) {
        var image = each.getRecord().dynamodb().newImage();
        say("record " + shard + " " + image.get("pk").s() + " " + image.get("n").n());
      }
      checkpoint(() -> input.checkpointer().checkpoint());
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
      say("lost " + shard);
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
      checkpoint(() -> input.checkpointer().checkpoint());
      say("end " + shard);
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
      checkpoint(() -> input.checkpointer().checkpoint());
    }
  }

  /** Storing a position. */
  interface Checkpoint {
    void run() throws ShutdownException, InvalidStateException;
  }
}
