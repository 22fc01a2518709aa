import Dispatch
import Foundation
import Synchronization

/// Notes that the process was asked to end (control-C, or `kill`), so that work can be saved first.
/// The second time the system ends it.
final class Interruption {
    private final class Mark: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    private static let signals = [SIGINT, SIGTERM]

    private let mark = Mark()
    private let sources: [any DispatchSourceSignal]

    /// Whether it was asked.
    var isAsked: Bool { mark.isSet.load(ordering: .relaxed) }

    init() {
        sources = Interruption.signals.map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global())
        }
        for source in sources {
            source.setEventHandler { [mark] in
                for number in Interruption.signals { signal(number, SIG_DFL) }
                mark.isSet.store(true, ordering: .relaxed)
                FileHandle.standardError.write(
                    Data("\nending after this step; once more to end without saving\n".utf8))
            }
            source.activate()
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}
