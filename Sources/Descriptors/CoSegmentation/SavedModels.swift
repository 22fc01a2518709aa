import Tensors

extension CoSegmentation {
    private static let kind = "co-segmentation"

    /// Writes the model as a safetensors file with the tensors `centres`, `salient` and, if outliers are
    /// detected, `meanClassToken`; the options are JSON in the metadata.
    ///
    /// The file is written atomically.
    ///
    /// - Throws: `SegmentationModelError.file` if the file cannot be written.
    public func write(to path: String) throws(SegmentationModelError) {
        var tensors = [
            "centres": centres,
            "salient": Tensor(isSalient.map { $0 ? 1 : 0 }, shape: [isSalient.count]),
        ]
        tensors["meanClassToken"] = meanClassToken
        try ModelFile.write(Self.kind, options: options, tensors: tensors, to: path)
    }

    /// Reads a file written by `write(to:)`.
    ///
    /// - Throws: `SegmentationModelError` if the file cannot be read or does not contain a valid model.
    public init(contentsOf path: String) throws(SegmentationModelError) {
        var (file, options) = try ModelFile.open(path, kind: Self.kind, Options.self)
        let centres = try file.centres(
            "centres", most: options.clustering.mostClusters, binning: options.taps.binning)
        let salient = try file.vector("salient", count: centres.shape[0])
        guard salient.elements.allSatisfy({ $0 == 0 || $0 == 1 }) else {
            throw file.damaged("salient contains numbers other than 0 and 1")
        }
        var meanClassToken: Tensor?
        if options.outlierThreshold != nil {
            // The class token is not binned.
            let channels = centres.shape[1] / options.taps.binning.bins
            meanClassToken = try file.vector("meanClassToken", count: channels)
        }
        self.init(
            options: options, centres: centres, isSalient: salient.elements.map { $0 != 0 },
            meanClassToken: meanClassToken)
    }

    /// Checks that a picture's descriptors have the channels that the model was fitted to.
    ///
    /// - Parameters:
    ///   - picture: the picture's features.
    ///   - path: the model's file, for the error message.
    /// - Throws: `SegmentationModelError.otherChannels`.
    public func check(
        _ picture: SegmentationFeatures, path: String
    ) throws(SegmentationModelError) {
        try picture.check(channels: centres.shape[1], path: path)
    }
}

extension PartCoSegmentation {
    private static let kind = "part co-segmentation"

    /// Writes the model as a safetensors file with the tensors `parts` and `background`; the options are
    /// JSON in the metadata.
    ///
    /// The file is written atomically.
    ///
    /// - Throws: `SegmentationModelError.file` if the file cannot be written.
    public func write(to path: String) throws(SegmentationModelError) {
        try ModelFile.write(
            Self.kind, options: options, tensors: ["parts": parts, "background": background],
            to: path)
    }

    /// Reads a file written by `write(to:)`.
    ///
    /// - Throws: `SegmentationModelError` if the file cannot be read or does not contain a valid model.
    public init(contentsOf path: String) throws(SegmentationModelError) {
        var (file, options) = try ModelFile.open(path, kind: Self.kind, Options.self)
        let binning = options.foreground.taps.binning
        let parts = try file.centres("parts", most: options.parts, binning: binning)
        // With three stages, objects that are not common also count as background.
        let stages = options.stages == .two ? 1 : 2
        let background = try file.centres(
            "background", most: stages * options.foreground.clustering.mostClusters,
            binning: binning)
        self.init(options: options, parts: parts, background: background)
    }

    /// Checks that a picture's descriptors have the channels that the model was fitted to.
    ///
    /// - Parameters:
    ///   - picture: the picture's features.
    ///   - path: the model's file, for the error message.
    /// - Throws: `SegmentationModelError.otherChannels`.
    public func check(
        _ picture: SegmentationFeatures, path: String
    ) throws(SegmentationModelError) {
        try picture.check(channels: parts.shape[1], path: path)
    }
}

extension SegmentationFeatures {
    /// Throws if the model of a file was fitted to descriptors with another number of channels.
    func check(channels: Int, path: String) throws(SegmentationModelError) {
        guard descriptors.channels == channels else {
            throw .otherChannels(path: path, expected: channels, found: descriptors.channels)
        }
    }
}
