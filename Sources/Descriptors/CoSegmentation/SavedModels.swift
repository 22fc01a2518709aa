import Tensors

extension CoSegmentation {
    private static let kind = "co-segmentation"

    /// Writes the model as a safetensors file: `centres`, `salient` and, where outliers are looked
    /// for, `meanClassToken`; the options as JSON in the metadata.
    ///
    /// The file appears whole or not at all.
    public func write(to path: String) throws(SegmentationModelError) {
        var tensors = [
            "centres": centres,
            "salient": Tensor(isSalient.map { $0 ? 1 : 0 }, shape: [isSalient.count]),
        ]
        tensors["meanClassToken"] = meanClassToken
        try ModelFile.write(Self.kind, options: options, tensors: tensors, to: path)
    }

    /// Reads a model that was written.
    public init(contentsOf path: String) throws(SegmentationModelError) {
        var (file, options) = try ModelFile.open(path, kind: Self.kind, Options.self)
        if let fault = options.taps.fault { throw file.damaged("its options say \(fault)") }
        if let fault = options.refinement?.fault { throw file.damaged("its options say \(fault)") }
        let centres = try file.matrix("centres")
        let salient = try file.vector("salient", count: centres.shape[0])
        var meanClassToken: Tensor?
        if options.outlierThreshold != nil {
            // Bins are of the patches alone.
            let channels = centres.shape[1] / options.taps.binning.bins
            meanClassToken = try file.vector("meanClassToken", count: channels)
        }
        self.init(
            options: options, centres: centres, isSalient: salient.elements.map { $0 != 0 },
            meanClassToken: meanClassToken)
    }

    /// Throws where a picture's descriptors are not of the kind that the model was fitted to.
    ///
    /// - Parameter path: the file that the model came from.
    public func check(
        _ picture: SegmentationFeatures, path: String
    ) throws(SegmentationModelError) {
        try picture.check(channels: centres.shape[1], path: path)
    }
}

extension PartCoSegmentation {
    private static let kind = "part co-segmentation"

    /// Writes the model as a safetensors file: `parts` and `background`; the options as JSON in the
    /// metadata.
    ///
    /// The file appears whole or not at all.
    public func write(to path: String) throws(SegmentationModelError) {
        try ModelFile.write(
            Self.kind, options: options, tensors: ["parts": parts, "background": background],
            to: path)
    }

    /// Reads a model that was written.
    public init(contentsOf path: String) throws(SegmentationModelError) {
        var (file, options) = try ModelFile.open(path, kind: Self.kind, Options.self)
        if let fault = options.foreground.taps.fault {
            throw file.damaged("its options say \(fault)")
        }
        if let fault = options.refinement?.fault { throw file.damaged("its options say \(fault)") }
        let parts = try file.matrix("parts")
        guard parts.shape[0] <= 255 else {
            throw file.damaged("it has \(parts.shape[0]) parts; expected at most 255")
        }
        self.init(options: options, parts: parts, background: try file.matrix("background"))
    }

    /// Throws where a picture's descriptors are not of the kind that the model was fitted to.
    ///
    /// - Parameter path: the file that the model came from.
    public func check(
        _ picture: SegmentationFeatures, path: String
    ) throws(SegmentationModelError) {
        try picture.check(channels: parts.shape[1], path: path)
    }
}

extension SegmentationTaps {
    /// What makes the taps unfit for any picture, as a file may have them.
    var fault: String? {
        if let loadSize, !(1...(1 << 16)).contains(loadSize) { return "load size \(loadSize)" }
        if case .logarithmic(let hierarchy) = binning, !(1...12).contains(hierarchy) {
            return "a binning hierarchy of \(hierarchy)"
        }
        return facet == .classAttention ? "class attention as descriptors" : nil
    }
}

extension SegmentationFeatures {
    /// Throws where a model from a file was fitted to descriptors of other channels.
    func check(channels: Int, path: String) throws(SegmentationModelError) {
        guard descriptors.channels == channels else {
            throw .otherChannels(path: path, expected: channels, found: descriptors.channels)
        }
    }
}

extension DenseCRF {
    /// What makes the options unfit for any picture, as a file may have them.
    fileprivate var fault: String? {
        // Less than a hundredth of a pixel or of a level makes more vertices than can be counted.
        let least = min(gaussianDeviation, bilateralDeviation, colourDeviation)
        return least >= 0.01 ? nil : "a deviation of \(least)"
    }
}

extension GrabCut {
    fileprivate var fault: String? {
        guard (1...1000).contains(iterations), (1...64).contains(components) else {
            return "\(iterations) iterations of GrabCut with \(components) components"
        }
        return (0...100).contains(smoothness) ? nil : "a smoothness of \(smoothness)"
    }
}
