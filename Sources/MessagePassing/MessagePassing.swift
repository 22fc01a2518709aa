import Foundation
import Platform
import Tensors

#if MPI
    import CMPI
#endif

/// The processes that a launcher of MPI started together (`mpirun`, `mpiexec`, `srun`): ranks on one or several machines.
///
/// MPI is a trait of the package; without it a program runs as one process. Only one thread at a time may use the ranks.
public enum MessagePassing {
    /// How long a rank waits for another one, by default: longer than ranks differ in the time that they need for their part
    /// of a step or for writing a checkpoint.
    public static let usualLimit = Duration.seconds(300)

    /// Joins the other processes.
    ///
    /// - Parameters:
    ///   - limit: how long a rank waits for another one before it gives up.
    ///   - report: receives a sentence that names a rank that was lost; all ranks are then ended.
    /// - Returns: the ranks; `Alone` if no launcher started this process.
    /// - Throws: ``MessagePassingError``.
    public static func start(
        waiting limit: Duration = usualLimit,
        whenLost report: @escaping @Sendable (String) -> Void
    ) throws(MessagePassingError) -> any Communicator {
        #if MPI
            guard isLaunched else { return Alone() }
            var (rank, count) = (Int32(0), Int32(1))
            var host = [CChar](repeating: 0, count: Int(CMPI_TEXT))
            guard cmpi_start(&rank, &count, &host) == 0 else { throw .notStarted }
            guard count > 1 else {
                // Open MPI takes a process that starts MPI without ending it for one that has failed.
                cmpi_finish()
                return Alone()
            }
            var ranks = MPIRanks(
                rank: Int(rank), count: Int(count), host: text(host), hosts: [],
                limit: limit / .seconds(1), report: report)
            ranks.hosts = ranks.gather(Array(ranks.host.utf8)).map {
                String(decoding: $0, as: UTF8.self)
            }
            return ranks
        #else
            if let count = launchedCount, count > 1 { throw .noMPI(count: count) }
            return Alone()
        #endif
    }

    /// Leaves the other processes at the end of the program.
    ///
    /// - Parameters:
    ///   - communicator: the ranks that ``start(waiting:whenLost:)`` returned.
    ///   - limit: how long to wait for the others to end as well.
    /// - Returns: whether all ranks end; if not, call ``abort(_:)``.
    public static func end(_ communicator: any Communicator, waiting limit: Duration) -> Bool {
        #if MPI
            guard communicator is MPIRanks else { return true }
            guard cmpi_meet(limit / .seconds(1)) == CMPI_DONE else { return false }
            cmpi_finish()
        #endif
        return true
    }

    /// Ends all processes at once.
    ///
    /// - Parameter communicator: the ranks that ``start(waiting:whenLost:)`` returned.
    public static func abort(_ communicator: any Communicator) {
        #if MPI
            if communicator is MPIRanks { cmpi_abort() }
        #endif
    }

    /// The number of ranks on this process's machine.
    ///
    /// - Parameter communicator: the ranks that ``start(waiting:whenLost:)`` returned.
    public static func ranksOnHost(_ communicator: any Communicator) -> Int {
        #if MPI
            if let ranks = communicator as? MPIRanks {
                return ranks.hosts.count { $0 == ranks.host }
            }
        #endif
        return 1
    }

    /// The number of processes that a launcher states in the environment: Open MPI's, or MPICH's, which Slurm follows too.
    private static var launchedCount: Int? {
        let environment = ProcessInfo.processInfo.environment
        return (environment["OMPI_COMM_WORLD_SIZE"] ?? environment["PMI_SIZE"]).flatMap { Int($0) }
    }

    /// Whether a launcher started this process. PMIx, of Open MPI 5 and Slurm, states the rank alone.
    private static var isLaunched: Bool {
        launchedCount != nil || ProcessInfo.processInfo.environment["PMIX_RANK"] != nil
    }
}

/// Why the processes cannot work together; the `description` is one sentence.
public enum MessagePassingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The program was built without MPI, but started as several processes.
    case noMPI(count: Int)
    /// MPI cannot be started.
    case notStarted

    /// The reason, as one sentence.
    public var description: String {
        switch self {
        case .noMPI(let count):
            "this program was started as \(count) processes, but was built without MPI"
                + " (swift build --traits MPI)"
        case .notStarted: "MPI cannot be started"
        }
    }
}

#if MPI
    /// The ranks that a launcher started.
    private struct MPIRanks: Communicator {
        let rank: Int
        let count: Int
        let host: String
        /// The machine of each rank.
        var hosts: [String]
        /// The most seconds to wait for a partner.
        let limit: Double
        let report: @Sendable (String) -> Void

        func exchange(
            _ bytes: UnsafeRawBufferPointer, _ buffer: UnsafeMutableRawBufferPointer,
            with partner: Int
        ) {
            var reason = [CChar](repeating: 0, count: Int(CMPI_TEXT))
            let outcome = cmpi_exchange(
                bytes.baseAddress, bytes.count, buffer.baseAddress, buffer.count, Int32(partner),
                limit, &reason)
            guard outcome != CMPI_DONE else { return }
            let place = hosts.indices.contains(partner) ? " on \(hosts[partner])" : ""
            report(
                outcome == CMPI_LATE
                    ? "rank \(partner)\(place) has not answered for \(Int(limit)) s"
                    : "rank \(partner)\(place) is lost: \(text(reason))")
            cmpi_abort()
            exit(EXIT_FAILURE)
        }
    }

    private func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
#endif
