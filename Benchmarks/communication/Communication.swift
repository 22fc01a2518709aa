import ArgumentParser
import Foundation
import MessagePassing
import Synchronization
import Tensors

/// Times the exchanges of training processes in a step and compares them with the model of Docs/SeveralMachines.md.
///
///     swift build -c release --traits MPI --product communication
///     mpirun -n 2 .build/release/communication --parameters 43000000
@main
struct Communication: ParsableCommand {
    @Option(help: "The number of trained parameters.")
    var parameters = 43_000_000

    @Option(help: "The number of sums to time, whose median is shown.")
    var repetitions = 5

    func run() throws {
        let ranks = try MessagePassing.start { print("error: \($0)") }
        guard ranks.count > 1 else {
            throw ValidationError("start it with mpirun, as a power-of-two number of processes")
        }
        // Exchanges between neighbours: 8 bytes for the latency, 16 MiB each way for the bandwidth.
        let latency = time(of: 8, times: 500, across: ranks)
        let bandwidth = Double(1 << 24) / time(of: 1 << 24, times: 10, across: ranks)
        let meter = Meter(ranks)
        var seconds: [Double] = []
        for _ in 0..<repetitions {
            let gradient = Tensor(repeating: Float(ranks.rank), shape: [parameters])
            ranks.barrier()
            seconds.append(
                duration {
                    var gradients = Gradients(count: 1)
                    gradients.tensors[0] = gradient
                    var sum = GradientSum(across: meter)
                    sum.add(gradients)
                    _ = sum.total([[parameters]])
                })
        }
        let median = seconds.sorted()[repetitions / 2]
        let bytes = 2 * (1 - 1 / Double(ranks.count)) * 4 * Double(parameters)
        let steps =
            2 * log2(Double(ranks.count)) * (Double(parameters) / Double(1 << 22)).rounded(.up)
        let predicted = bytes / bandwidth + steps * latency
        if ranks.rank == 0 {
            let sent = Double(meter.bytes) / Double(repetitions)
            print(
                String(
                    format: """
                        %d processes: latency %.0f us, %.1f MB/s each way
                        sum of %d gradients: %.1f MB sent (%.2f%% of 2 (1 - 1/r) times the gradients), \
                        %.3f s, predicted %.3f s
                        """, ranks.count, 1e6 * latency, bandwidth / 1e6, parameters, sent / 1e6,
                    100 * sent / bytes, median, predicted))
        }
        _ = MessagePassing.end(ranks, waiting: .seconds(10))
    }

    /// Seconds for an exchange between neighbours.
    private func time(of bytes: Int, times: Int, across ranks: any Communicator) -> Double {
        let own = [UInt8](repeating: 1, count: bytes)
        var others = own
        ranks.barrier()
        return duration {
            for _ in 0..<times {
                own.withUnsafeBytes { own in
                    others.withUnsafeMutableBytes {
                        ranks.exchange(own, $0, with: ranks.rank ^ 1)
                    }
                }
            }
        } / Double(times)
    }

    private func duration(_ body: () -> Void) -> Double {
        ContinuousClock().measure(body) / .seconds(1)
    }
}

/// Counts the bytes that are sent.
private final class Meter: Communicator {
    private let ranks: any Communicator
    private let sent = Atomic<Int>(0)

    init(_ ranks: any Communicator) { self.ranks = ranks }

    var bytes: Int { sent.load(ordering: .relaxed) }
    var rank: Int { ranks.rank }
    var count: Int { ranks.count }
    var host: String { ranks.host }

    func exchange(
        _ bytes: UnsafeRawBufferPointer, _ buffer: UnsafeMutableRawBufferPointer,
        with partner: Int
    ) {
        sent.wrappingAdd(bytes.count, ordering: .relaxed)
        ranks.exchange(bytes, buffer, with: partner)
    }
}
