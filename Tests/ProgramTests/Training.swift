import Foundation
import Images
import Tensors

/// A training run of about a second, and its pictures.
struct Training {
    let folder = TemporaryFolder()
    let pictures: String

    /// A small network on two dozen pictures: 3 steps per epoch.
    static let options = [
        "--preset", "quick", "--arch", "32x2x2", "--out-dim", "64", "--batch-size", "8",
        "--local-crops", "2", "--global-crop-size", "32", "--local-crop-size", "16", "--lr", "0.02",
        "--momentum-teacher", "0.95",
    ]

    init(count: Int = 24, black: Bool = false) throws {
        pictures = folder["pictures"]
        try folder.makeFolder("pictures")
        var generator = SplitMix64(seed: 7)
        for index in 0..<count {
            // Nine blurred spots.
            let levels = (0..<27).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            let image = Image(width: 3, height: 3, pixels: levels)
                .resized(width: 32, height: 24, using: .bicubic)
            let picture = black ? Image(width: 32, height: 24, colour: .black) : image
            try picture.writePNG(to: pictures + "/\(index + 10).png")
        }
    }

    func arguments(_ run: String, epochs: Int, _ more: [String] = []) -> [String] {
        ["train", pictures, "--output", folder[run], "--epochs", "\(epochs)"] + Training.options
            + more
    }

    func train(
        _ run: String, epochs: Int, _ more: [String] = [], fillsDisk: Bool = false
    ) throws -> Program.Outcome {
        try Program.run(arguments(run, epochs: epochs, more), fillsDisk: fillsDisk)
    }

    /// Starts training without waiting for it.
    func start(_ run: String, epochs: Int, _ more: [String] = []) throws -> Process {
        let process = Process()
        process.executableURL = Program.products.appendingPathComponent("dino-vit")
        process.arguments = arguments(run, epochs: epochs, more)
        process.standardOutput = FileHandle.nullDevice
        _ = FileManager.default.createFile(atPath: folder["errors"], contents: nil)
        process.standardError = FileHandle(forWritingAtPath: folder["errors"])
        try process.run()
        return process
    }

    func data(_ run: String, _ file: String) throws -> Data { try folder.data("\(run)/\(file)") }

    /// The log without the times, which vary.
    func log(_ run: String) throws -> [String] {
        String(decoding: try data(run, "log.jsonl"), as: UTF8.self).split(separator: "\n").map {
            String($0[..<($0.range(of: ",\"seconds\"")?.lowerBound ?? $0.endIndex)])
        }
    }
}
