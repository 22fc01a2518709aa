import Descriptors
import Tensors

/// A saved model of part co-segmentation, applied to a picture.
struct PartsKind: Kind {
    let name = "parts"
    let fileName = "model.safetensors"
    let seeds: [[UInt8]]

    init() throws {
        var options: [PartCoSegmentation.Options] = []
        for isRefined in [true, false] {
            for stages in [.two, .three()] as [PartCoSegmentation.Options.Stages] {
                var option = PartCoSegmentation.Options()
                option.foreground.taps = SegmentationSeeds.taps
                option.foreground.clustering.sampleInterval = 2
                option.foreground.clustering.restarts = 2
                option.foreground.threshold = 0.01
                option.foreground.votePercentage = 50
                option.parts = 2
                option.stages = stages
                if !isRefined { option.refinement = nil }
                options.append(option)
            }
        }
        let features = try SegmentationSeeds.features(SegmentationSeeds.taps)
        seeds = try options.map { option in
            let model = PartCoSegmentation(fitting: features, options: option)
            return try Fixtures.written { try model.write(to: $0) }
        }
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        SafetensorsFile.mutated(bytes, using: &random)
    }

    func use(_ path: String) throws {
        let model = try PartCoSegmentation(contentsOf: path)
        let features = try SegmentationSeeds.features(requestedBy: model.options.foreground.taps)
        try model.check(features, path: path)
        let labels = model.labels(of: features)
        _ = labels.resized(width: 20, height: 20)
    }
}
