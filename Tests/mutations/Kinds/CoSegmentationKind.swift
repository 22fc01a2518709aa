import Descriptors
import Tensors

/// A saved model of co-segmentation, applied to a picture.
struct CoSegmentationKind: Kind {
    let name = "cosegmentation"
    let fileName = "model.safetensors"
    let seeds: [[UInt8]]

    init() throws {
        var options: [CoSegmentation.Options] = []
        for isRefined in [true, false] {
            for threshold in [nil, -1] as [Float?] {
                var option = CoSegmentation.Options()
                option.taps = SegmentationSeeds.taps
                option.clustering.sampleInterval = 2
                option.clustering.restarts = 2
                option.threshold = 0.01
                option.votePercentage = 50
                option.outlierThreshold = threshold
                if !isRefined { option.refinement = nil }
                options.append(option)
                option.taps.binning = .logarithmic(hierarchy: 1)
                option.taps.features.saliencyHeads = [0]
                options.append(option)
            }
        }
        seeds = try options.map { option in
            let features = try SegmentationSeeds.features(option.taps)
            let model = CoSegmentation(fitting: features, options: option)
            return try Fixtures.written { try model.write(to: $0) }
        }
    }

    func restructured(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        SafetensorsFile.mutated(bytes, using: &random)
    }

    func use(_ path: String) throws {
        let model = try CoSegmentation(contentsOf: path)
        let features = try SegmentationSeeds.features(requestedBy: model.options.taps)
        try model.check(features, path: path)
        _ = model.mask(of: features)
    }
}
