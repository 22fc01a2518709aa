// worker WEIGHTS INPUTS.npy THREADS [FOLDER] [--instruction-set NAME]
//
// This package's side of `compare`. Prints "ready", then answers each line, the name of a piece of
// work, with the milliseconds that it took, after one untimed run.
//
// INPUTS.npy contains two normalised images, [2, 3, 224, 224], FOLDER the inputs made by libraries.py.

import Cases
import Descriptors
import Foundation
import Tensors
import ViT

let arguments = remainingArguments()
guard (4...5).contains(arguments.count), let threads = Int(arguments[3]), threads > 0 else {
    fatalError("worker WEIGHTS INPUTS.npy THREADS [FOLDER]")
}
Parallelism.threadCount = threads
let model = try VisionTransformer(contentsOf: arguments[1])
let inputs = try Tensor(npy: arguments[2])
let keyTap = FeatureTap(layer: -1, facet: .key)
let tokenTap = FeatureTap(layer: -1, facet: .normedToken)

/// Prepared for inference, as the runtimes prepare theirs.
let networks = Dictionary(
    uniqueKeysWithValues: Precision.allCases.map { precision in
        (precision, Lazy { model.prepared(for: precision) })
    })

@MainActor
func features(
    at tap: FeatureTap, of image: Int = 0, stride: Int, precision: Precision = .float32
) -> Features {
    networks[precision]!.value.features(
        of: inputs.rows(image..<image + 1), at: [tap], stride: PatchStride(stride))
}

let grids = (0..<2).map { image in
    DescriptorGrid(
        features(at: keyTap, of: image, stride: 4), tap: keyTap,
        geometry: DescriptorGrid.Geometry(
            width: 224, height: 224, patchSize: model.configuration.patchSize,
            stride: PatchStride(4)))
}

/// DINOv2's ViT-S/14, on noise.
struct DINOv2 {
    let model: VisionTransformer
    let inputs: [Int: Tensor]

    init(contentsOf path: String) throws {
        model = try VisionTransformer(contentsOf: path)
        inputs = Dictionary(
            uniqueKeysWithValues: [224, 518].map { ($0, noise([1, 3, $0, $0], seed: 1)) })
    }

    func tokens(side: Int) -> Tensor? {
        inputs[side].map { model.features(of: $0, at: [tokenTap])[tokenTap] }
    }
}

let dinov2 = Lazy {
    let folder = URL(fileURLWithPath: arguments[1]).deletingLastPathComponent()
    do {
        return try DINOv2(contentsOf: folder.appendingPathComponent("dinov2.pth").path)
    } catch {
        fatalError("worker: \(error)")
    }
}

extension Precision {
    /// What the names of work in this precision end with.
    var suffix: String { self == .float32 ? "" : "-" + rawValue }
}

var work: [String: () throws -> Void] = [
    "dinov2-257": { _ = dinov2.value.tokens(side: 224) },
    "dinov2-1370": { _ = dinov2.value.tokens(side: 518) },
    "binning": { _ = grids[0].logBinned() },
    "buddies": { _ = bestBuddies(grids[0], grids[1]) },
]
for precision in Precision.allCases {
    let suffix = precision.suffix
    for (tokens, stride) in [(785, 8), (3026, 4)] {
        work["keys-\(tokens)" + suffix] = {
            _ = features(at: keyTap, stride: stride, precision: precision)
        }
        work["whole-\(tokens)" + suffix] = {
            _ = features(at: tokenTap, stride: stride, precision: precision)[tokenTap]
        }
    }
}
for each in TrainingCase.all { work["step-" + each.name] = each.step() }
if arguments.count == 5 {
    for (name, run) in try librariesWork(in: arguments[4]) { work[name] = run }
}

/// |a - b| / |b|, to check that all peers compute the same.
func relativeDifference(_ a: Tensor, _ b: Tensor) -> Double {
    precondition(a.shape == b.shape, "relativeDifference: \(a.shape) and \(b.shape)")
    func squares(_ values: some Sequence<Float>) -> Double {
        values.reduce(0) { $0 + Double($1) * Double($1) }
    }
    let differences = zip(a.elements, b.elements).lazy.map { $0 - $1 }
    return (squares(differences) / squares(b.elements)).squareRoot()
}

/// Flushed, because answers are read one by one.
func answer(_ text: String) {
    print(text)
    fflush(nil)
}

answer("ready")
while let line = readLine() {
    if line == "limit" {
        // The first ones find threads asleep that were stopped during other processes' turns.
        answer("\((0..<10).map { _ in Parallelism.multiplyAddLimit() }.max()!)")
    } else if line.hasPrefix("check ") {
        let words = line.split(separator: " ", maxSplits: 2).map(String.init)
        let precision = Precision.allCases.first { words[1] == "keys-785" + $0.suffix }!
        let keys = features(at: keyTap, stride: 8, precision: precision)[keyTap]
        answer("\(relativeDifference(keys, try Tensor(npy: words[2])))")
    } else if let run = work[line] {
        try run()
        let duration = try ContinuousClock().measure(run)
        answer("\(duration / .milliseconds(1))")
    } else {
        answer("error: unknown work \(line)")
    }
}
