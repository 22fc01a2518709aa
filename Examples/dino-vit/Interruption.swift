import Dispatch
import Foundation
import Synchronization

/// Records a request to end the process, so that work can be saved first: from the user (control-C,
/// `kill`), a closed terminal (SIGHUP), or a batch system (often SIGUSR1 before SIGTERM).
///
/// A second SIGINT or SIGTERM ends the process at once. A second SIGHUP or SIGUSR1 is ignored, as one
/// cause may send it twice (a shell forwards the SIGHUP that the system also sends).
final class Interruption {
    private final class Mark: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGUSR1]

    private let mark = Mark()
    private let sources: [any DispatchSourceSignal]

    /// Whether an end was requested.
    var isRequested: Bool { mark.isSet.load(ordering: .relaxed) }

    init() {
        sources = Interruption.signals.compactMap { number in
            let former = signal(number, SIG_IGN)
            // Under nohup SIGHUP stays ignored. SIGINT does not: shells without job control ignore it for
            // background jobs, but `kill -INT` should still work.
            if number == SIGHUP && isIgnoring(former) { return nil }
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        for source in sources {
            source.setEventHandler { [mark] in
                for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
                guard !mark.isSet.exchange(true, ordering: .relaxed) else { return }
                Terminal.show(
                    "\nstopping after this step; interrupt again to stop without saving\n")
            }
            source.activate()
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}

/// Whether a signal's disposition is SIG_IGN, which is a number cast to a function pointer.
private func isIgnoring(_ disposition: sig_t?) -> Bool {
    unsafeBitCast(disposition, to: Int.self) == unsafeBitCast(SIG_IGN as sig_t?, to: Int.self)
}
